import { spanIn } from '../text/logical-line.ts';
import type { Span, Word } from '../text/span.ts';
import { fault } from './context.ts';
import type { Parsing } from './context.ts';

/**
 * The JSON array of strings that the rest of the line is; undefined when it is none, and then the instruction is in shell form. An
 * array of anything else is a fault.
 */
export function jsonWords(parsing: Parsing, from = parsing.restAt): Word[] | undefined {
  const { line } = parsing;
  const text = line.text.slice(from);
  if (!text.startsWith('[')) return undefined;
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(values)) return undefined;
  if (!values.every((value) => typeof value === 'string'))
    throw fault(parsing, spanIn(line, from, line.text.length), {
      code: 'not-a-string-array',
      message: 'when using JSON array syntax, arrays must be comprised of strings only',
      hint: 'put quotes around every element',
    });
  const spans = stringSpans(parsing, from);
  return values.map((value, index) => ({ text: value, span: spans[index] ?? spanIn(line, from, from) }));
}

/** Where the strings of valid JSON stand. */
function stringSpans({ line }: Parsing, from: number): Span[] {
  const spans: Span[] = [];
  const { text } = line;
  for (let at = from; at < text.length; at++) {
    if (text[at] !== '"') continue;
    const start = at;
    for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at++;
    spans.push(spanIn(line, start, at + 1));
  }
  return spans;
}

/** Whether text in shell form looks as if somebody meant a JSON array. */
export const looksLikeJson = (text: string): boolean => /^\[\s*["'].*\]$/s.test(text.trim());
