import type { CommandLine, Instruction } from '../instruction.ts';
import { looksLikeJson } from '../parse/json-words.ts';
import { everyInstruction } from './finding.ts';
import type { Rule } from './finding.ts';

export const noEmptyContinuation: Rule = {
  name: 'NoEmptyContinuation',
  description: 'Empty continuation lines will become errors in a future release',
  *check(checked) {
    for (const { instruction } of everyInstruction(checked)) {
      const [first] = instruction.emptyLines;
      if (first !== undefined)
        yield {
          span: { line: first, column: 1, length: 1, endLine: instruction.emptyLines.at(-1) ?? first },
          message: `Empty continuation line in ${instruction.name}`,
        };
    }
  },
};

const shellCommand = (instruction: Instruction): CommandLine | undefined =>
  instruction.name === 'CMD' || instruction.name === 'ENTRYPOINT' ? instruction.command : undefined;

export const jsonArgsRecommended: Rule = {
  name: 'JSONArgsRecommended',
  description:
    'JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals',
  *check({ dockerfile }) {
    for (const { instructions } of dockerfile.stages) {
      // Whoever chose a shell wants one.
      let chosen = false;
      for (const instruction of instructions) {
        chosen ||= instruction.name === 'SHELL';
        const command = shellCommand(instruction);
        if (chosen || command?.form !== 'shell') continue;
        const why = looksLikeJson(command.text.text) ? ' (this is no JSON: strings need double quotes)' : '';
        yield {
          span: command.text.span,
          message: `JSON arguments recommended for ${instruction.name} to prevent unintended behavior related to OS signals${why}`,
        };
      }
    }
  },
};

export const maintainerDeprecated: Rule = {
  name: 'MaintainerDeprecated',
  description: 'The MAINTAINER instruction is deprecated, use a label instead to define an image author',
  *check(checked) {
    for (const { instruction } of everyInstruction(checked))
      if (instruction.name === 'MAINTAINER')
        yield {
          span: instruction.keyword.span,
          message: 'Maintainer instruction is deprecated in favor of using label',
        };
  },
};

export const legacyKeyValueFormat: Rule = {
  name: 'LegacyKeyValueFormat',
  description: 'Legacy key/value format with whitespace separator should not be used',
  *check(checked) {
    for (const { instruction } of everyInstruction(checked))
      if ((instruction.name === 'ENV' || instruction.name === 'LABEL') && instruction.legacy)
        yield {
          span: instruction.rest.span,
          message: `"${instruction.name} key=value" should be used instead of legacy "${instruction.name} key value" format`,
        };
  },
};

export const exposeInvalidFormat: Rule = {
  name: 'ExposeInvalidFormat',
  description:
    'IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release',
  *check(checked) {
    for (const { instruction } of everyInstruction(checked))
      if (instruction.name === 'EXPOSE')
        for (const { text, span } of instruction.ports)
          if (text.replace(/\$\{[^}]*\}/g, '').includes(':'))
            yield {
              span,
              message: `EXPOSE instruction should not define an IP address or host-port mapping, found '${text}'`,
            };
  },
};

const secretWords = /(?:_|^)(?:apikey|auth|credentials?|key|password|passwd|pword|secret|token)(?:_|$)/i;
const publicWords = /(?:_|^)public(?:_|$)/i;

export const secretsUsedInArgOrEnv: Rule = {
  name: 'SecretsUsedInArgOrEnv',
  description: 'Sensitive data should not be used in the ARG or ENV commands',
  *check(checked) {
    for (const { instruction } of everyInstruction(checked)) {
      const keys =
        instruction.name === 'ARG' ? instruction.args : instruction.name === 'ENV' ? instruction.pairs : [];
      for (const { key } of keys)
        if (secretWords.test(key.text) && !publicWords.test(key.text))
          yield {
            span: key.span,
            message: `Do not use ARG or ENV instructions for sensitive data (${instruction.name} "${key.text}")`,
          };
    }
  },
};

export const invalidDefinitionDescription: Rule = {
  name: 'InvalidDefinitionDescription',
  description:
    'Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`',
  experimental: true,
  *check(checked) {
    for (const { instruction } of everyInstruction(checked)) {
      const comment = instruction.comments.at(-1);
      const [only, ...more] = definedNames(instruction);
      // One comment cannot describe several names.
      if (comment === undefined || only === undefined || more.length > 0) continue;
      const first = instruction.comments.find(
        ({ text }) => text.split(/\s/, 1)[0]?.toLowerCase() === only.toLowerCase(),
      );
      if (first === undefined)
        yield {
          span: { line: comment.line, column: 1, length: comment.text.length + 2, endLine: comment.line },
          message: `Comment for ${instruction.name === 'ARG' ? 'build argument' : 'build stage'} should follow the format: \`# ${only} <description>\``,
        };
    }
  },
};

function definedNames(instruction: Instruction): string[] {
  if (instruction.name === 'ARG') return instruction.args.map(({ key }) => key.text);
  return instruction.name === 'FROM' && instruction.as ? [instruction.as.text] : [];
}
