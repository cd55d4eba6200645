import type { Rule, UndeclaredUse } from './finding.ts';

const suggestion = ({ near }: UndeclaredUse): string =>
  near === undefined ? '' : ` (did you mean ${near}?)`;

export const undefinedArgInFrom: Rule = {
  name: 'UndefinedArgInFrom',
  description: 'FROM command must use declared ARGs',
  *check({ variables }) {
    for (const use of variables.inFrom)
      yield { span: use.span, message: `FROM argument '${use.name}' is not declared${suggestion(use)}` };
  },
};

export const undefinedVar: Rule = {
  name: 'UndefinedVar',
  description: 'Variables should be defined before their use',
  *check({ variables }) {
    // An image that is not at hand may set the variable: then only what looks misspelt is told.
    for (const use of variables.inStages)
      if (use.certain || use.near !== undefined)
        yield { span: use.span, message: `Usage of undefined variable '$${use.name}'${suggestion(use)}` };
  },
};
