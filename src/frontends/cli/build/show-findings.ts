import type { SiloError } from '../../../foundation/base/errors.ts';
import type { CheckResult } from '../../../engine/build/language/checks/check.ts';
import { excerpt } from '../../../engine/build/language/text/excerpt.ts';
import { placeOf } from '../../../engine/build/language/text/fault.ts';
import type { Source } from '../../../engine/build/language/text/source.ts';
import type { Span } from '../../../engine/build/language/text/span.ts';
import { visible } from '../output/text.ts';

const yellow = (text: string): string => `\u001b[33m${text}\u001b[0m`;

/** The findings for people. Text of the file goes through `visible`: it is anybody's. */
export function formatFindings(source: Source, { findings }: CheckResult, colours: boolean): string {
  const paint = colours ? yellow : (text: string): string => text;
  const count = findings.length;
  const heading =
    count === 0
      ? 'Check complete, no warnings found.'
      : `Check complete, ${count} ${count === 1 ? 'warning has' : 'warnings have'} been found!`;
  const parts = findings.map(({ rule, page, message, span }) =>
    [
      '',
      `${paint('WARNING')}: ${rule} - ${page}`,
      visible(message),
      ...excerpt(source, span)
        .split('\n')
        .map((line, index) => (index === 2 ? paint(visible(line)) : visible(line))),
    ].join('\n'),
  );
  return `${[heading, ...parts].join('\n')}\n`;
}

/** The findings for programs, in the shape that BuildKit's clients know. */
export const findingsJson = (source: Source, { findings }: CheckResult): object => ({
  warnings: findings.map(({ rule, description, page, message, span }) => ({
    ruleName: rule,
    description,
    url: page,
    detail: message,
    location: locationOf(source.name, span),
  })),
});

export const faultJson = (error: SiloError): object => {
  const place = placeOf(error);
  return {
    warnings: [],
    buildError: {
      message: error.message,
      code: error.code,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(place === undefined ? {} : { location: locationOf(place.file, place.span) }),
    },
  };
};

/** Lines from 1, characters from 0, as the language server protocol counts characters. */
const locationOf = (file: string, span: Span): object => ({
  file,
  ranges: [
    {
      start: { line: span.line, character: span.column - 1 },
      end: { line: span.endLine, character: span.endLine === span.line ? span.column - 1 + span.length : 0 },
    },
  ],
});
