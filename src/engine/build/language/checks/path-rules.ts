import { posix } from 'node:path';
import type { Dockerfile } from '../dockerfile.ts';
import type { Instruction } from '../instruction.ts';
import type { Word } from '../text/span.ts';
import { unquote } from '../words/split.ts';
import type { Rule } from './finding.ts';
import { hasReference } from './variables.ts';

const isAbsolute = (text: string): boolean => /^(?:[/\\]|[A-Za-z]:[/\\])/.test(text);

export const workdirRelativePath: Rule = {
  name: 'WorkdirRelativePath',
  description:
    'Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes',
  *check({ dockerfile }) {
    const anchored = new Map<string, boolean>();
    for (const stage of dockerfile.stages) {
      let absolute = anchored.get(stage.from.image.text.toLowerCase()) ?? false;
      for (const instruction of stage.instructions) {
        if (instruction.name !== 'WORKDIR') continue;
        const path = unquote(instruction.value.text, dockerfile.directives.escape);
        if (isAbsolute(path)) absolute = true;
        // What a variable holds is not known here.
        else if (!absolute && !path.startsWith('$'))
          yield {
            span: instruction.value.span,
            message: `Relative workdir '${path}' can have unexpected results if the base image changes`,
          };
        else if (path.startsWith('$')) absolute = true;
      }
      if (stage.name !== undefined) anchored.set(stage.name, absolute);
    }
  },
};

export const copyIgnoredFile: Rule = {
  name: 'CopyIgnoredFile',
  description: 'Attempting to Copy file that is excluded by .dockerignore',
  *check({ dockerfile, ignore }) {
    if (!ignore?.hasPatterns) return;
    for (const { instructions } of dockerfile.stages)
      for (const instruction of instructions)
        for (const source of localSources(instruction, dockerfile)) {
          const path = posix.normalize(source.text).replace(/^\/+|\/+$/g, '');
          if (path === '' || path === '.' || /[*?[\\]/.test(path) || !ignore.ignores(path)) continue;
          if (ignore.mayHoldMore(path, ignore.ask(path).match)) continue;
          yield {
            span: source.span,
            message: `Attempting to ${instruction.name === 'ADD' ? 'Add' : 'Copy'} file "${source.text}" that is excluded by .dockerignore`,
          };
        }
  },
};

/** Sources that are paths of the context, and known without variables. */
function localSources(instruction: Instruction, { directives }: Dockerfile): Word[] {
  if (instruction.name !== 'COPY' && instruction.name !== 'ADD') return [];
  if (instruction.name === 'COPY' && instruction.from !== undefined) return [];
  return instruction.sources.flatMap(({ text, span }) =>
    hasReference(text) || /^(?:[a-z][a-z0-9+.-]*:\/\/|git@)/i.test(text)
      ? []
      : [{ text: unquote(text, directives.escape), span }],
  );
}
