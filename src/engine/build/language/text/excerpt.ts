import type { Source } from './source.ts';
import type { Span } from './span.ts';

/** Longer lines are shown around the offending text only. */
const shownColumns = 160;
const leadColumns = 60;

/** `FILE:LINE:COLUMN`, the line itself, and a caret line below the offending text. */
export function excerpt(source: Source, span: Span): string {
  const line = source.lines[span.line - 1]?.text ?? '';
  const start = Math.min(span.column - 1, line.length);
  const from = line.length <= shownColumns ? 0 : Math.max(0, start - leadColumns);
  const shown = line.slice(from, from + shownColumns);
  const number = String(span.line);
  const carets = Math.max(1, Math.min(span.length, shown.length - (start - from)));
  const indent = shown.slice(0, start - from).replace(/[^\t]/g, ' ');
  return [
    `--> ${source.name}:${span.line}:${span.column}`,
    `${number} | ${from > 0 ? '…' : ''}${shown}${from + shownColumns < line.length ? '…' : ''}`,
    `${' '.repeat(number.length)} | ${from > 0 ? ' ' : ''}${indent}${'^'.repeat(carets)}`,
  ].join('\n');
}
