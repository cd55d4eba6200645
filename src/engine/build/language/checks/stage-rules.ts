import { hasReference } from './variables.ts';
import type { Discovery, Rule } from './finding.ts';
import { parseReference } from '../../../../foundation/oci/reference.ts';
import { createGlobalScope } from '../stages/scope.ts';

export const duplicateStageName: Rule = {
  name: 'DuplicateStageName',
  description: 'Stage names should be unique',
  *check({ dockerfile }) {
    const seen = new Map<string, number>();
    for (const { from, name } of dockerfile.stages) {
      if (name === undefined || from.as === undefined) continue;
      const before = seen.get(name);
      if (before === undefined) seen.set(name, from.span.line);
      else
        yield {
          span: from.as.span,
          message: `Duplicate stage name '${from.as.text}', stage names should be unique (it is also on line ${before})`,
        };
    }
  },
};

const reserved = ['context', 'scratch'];

export const reservedStageName: Rule = {
  name: 'ReservedStageName',
  description: 'Reserved words should not be used as stage names',
  *check({ dockerfile }) {
    for (const { from, name } of dockerfile.stages)
      if (from.as && name !== undefined && reserved.includes(name))
        yield {
          span: from.as.span,
          message: `Stage name should not use the same name as reserved stage '${name}'`,
        };
  },
};

export const redundantTargetPlatform: Rule = {
  name: 'RedundantTargetPlatform',
  description:
    'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
  *check({ dockerfile }) {
    for (const { from } of dockerfile.stages)
      if (from.platform && /^(\$TARGETPLATFORM|\$\{TARGETPLATFORM\})$/.test(from.platform.text))
        yield {
          span: from.platform.span,
          message: `Setting platform to predefined ${from.platform.text} in FROM is redundant as this is the default behavior`,
        };
  },
};

export const fromPlatformFlagConstDisallowed: Rule = {
  name: 'FromPlatformFlagConstDisallowed',
  description: 'FROM --platform flag should not use a constant value',
  *check({ dockerfile }) {
    for (const { from, name } of dockerfile.stages) {
      const { platform } = from;
      if (platform === undefined || platform.text === '' || platform.text.includes('$')) continue;
      // Stages per platform, chosen by `FROM build-${TARGETARCH}`, name their platform: they mean it.
      const parts = platform.text.toLowerCase().split('/');
      const named = name !== undefined && name.split(/[-_.]/).some((part) => parts.includes(part));
      if (!named)
        yield {
          span: platform.span,
          message: `FROM --platform flag should not use constant value "${platform.text}"`,
        };
    }
  },
};

export const invalidDefaultArgInFrom: Rule = {
  name: 'InvalidDefaultArgInFrom',
  description: 'Default value for global ARG results in an empty or invalid base image name',
  *check({ dockerfile }) {
    const defaults = createGlobalScope(dockerfile, { given: new Map(), platform: new Map() });
    for (const { from } of dockerfile.stages) {
      if (!hasReference(from.image.text)) continue;
      const { text } = defaults.expand(from.image);
      if (!isReference(text))
        yield {
          span: from.image.span,
          message: `Default value for ARG ${from.image.text} results in empty or invalid base image name`,
        };
    }
  },
};

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}

const single = ['CMD', 'ENTRYPOINT', 'HEALTHCHECK'] as const;

export const multipleInstructionsDisallowed: Rule = {
  name: 'MultipleInstructionsDisallowed',
  description: 'Multiple instructions of the same type should not be used in the same stage',
  *check({ dockerfile }): Iterable<Discovery> {
    for (const { instructions } of dockerfile.stages)
      for (const name of single)
        for (const { keyword } of instructions
          .filter((instruction) => instruction.name === name)
          .slice(0, -1))
          yield {
            span: keyword.span,
            message: `Multiple ${name} instructions should not be used in the same stage because only the last one will be used`,
          };
  },
};
