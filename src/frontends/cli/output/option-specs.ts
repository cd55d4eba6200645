import type { OptionSpec } from '../command.ts';

const template = `'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates`;

/** `--format` of lists. */
export const formatTableOption = {
  kind: 'string',
  summary: `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
${template}`,
  completion: ['table', 'json'],
} as const satisfies OptionSpec;

/** `--format` of single objects and streams. */
export const formatOption = {
  kind: 'string',
  summary: `Format output using a custom template:\n${template}`,
  completion: ['json'],
} as const satisfies OptionSpec;

export const formatShortOption = { ...formatOption, short: 'f' } as const satisfies OptionSpec;
