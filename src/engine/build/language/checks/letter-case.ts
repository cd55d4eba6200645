import { everyInstruction } from './finding.ts';
import type { Rule } from './finding.ts';

const isUpper = (text: string): boolean => text === text.toUpperCase();
const isLower = (text: string): boolean => text === text.toLowerCase();

export const stageNameCasing: Rule = {
  name: 'StageNameCasing',
  description: 'Stage names should be lowercase',
  *check({ dockerfile }) {
    for (const { from } of dockerfile.stages)
      if (from.as && !isLower(from.as.text))
        yield { span: from.as.span, message: `Stage name '${from.as.text}' should be lowercase` };
  },
};

export const fromAsCasing: Rule = {
  name: 'FromAsCasing',
  description: "The 'as' keyword should match the case of the 'from' keyword",
  *check({ dockerfile }) {
    for (const { from } of dockerfile.stages) {
      const { asKeyword, keyword } = from;
      if (asKeyword === undefined) continue;
      const differs =
        (isUpper(keyword.text) && !isUpper(asKeyword.text)) ||
        (isLower(keyword.text) && !isLower(asKeyword.text));
      if (differs)
        yield {
          span: asKeyword.span,
          message: `'${asKeyword.text}' and '${keyword.text}' keywords' casing do not match`,
        };
    }
  },
};

export const consistentInstructionCasing: Rule = {
  name: 'ConsistentInstructionCasing',
  description: 'All commands within the Dockerfile should use the same casing (either upper or lower)',
  *check(checked) {
    const keywords = [...everyInstruction(checked)].map(({ instruction }) => instruction.keyword);
    const lower = keywords.filter(({ text }) => isLower(text)).length;
    const upper = keywords.filter(({ text }) => isUpper(text)).length;
    const [fits, majority] = lower > upper ? [isLower, 'lowercase'] : [isUpper, 'uppercase'];
    for (const { text, span } of keywords)
      if (!fits(text))
        yield {
          span,
          message: `Command '${text}' should match the case of the command majority (${majority})`,
        };
  },
};

export const exposeProtoCasing: Rule = {
  name: 'ExposeProtoCasing',
  description: 'Protocol in EXPOSE instruction should be lowercase',
  *check(checked) {
    for (const { instruction } of everyInstruction(checked))
      if (instruction.name === 'EXPOSE')
        for (const { text, span } of instruction.ports) {
          const protocol = /\/([A-Za-z]+)$/.exec(text)?.[1] ?? '';
          if (!isLower(protocol))
            yield { span, message: `Defined protocol '${protocol}' in EXPOSE should be lowercase: ${text}` };
        }
  },
};
