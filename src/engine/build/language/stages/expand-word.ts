import { faultAt } from '../text/fault.ts';
import type { Source } from '../text/source.ts';
import type { Span, Word } from '../text/span.ts';
import { expand } from '../words/expand.ts';
import type { NamedPlace } from '../words/expand.ts';

export interface Usage {
  name: string;
  span: Span;
}

export interface ExpandedWord {
  text: string;
  used: Usage[];
  /** Without a value and without a default. */
  missing: Usage[];
}

export interface WordOptions {
  source: Source;
  escape: string;
  lookup: (name: string) => string | undefined;
  /** Here-documents keep their quotes. */
  keepQuotes?: boolean;
}

/** A word with the values of its variables. Kind `invalid`, with the place, when its quotes or substitutions are wrong. */
export function expandWord(word: Word, { source, ...options }: WordOptions): ExpandedWord {
  const result = expand(word.text, options);
  if (!result.ok)
    throw faultAt(source, spanWithin(word, result), {
      code: 'invalid-substitution',
      message: `failed to process ${JSON.stringify(word.text.slice(0, 200))}: ${result.message}`,
      ...(result.hint === undefined ? {} : { hint: result.hint }),
    });
  const usages = (places: readonly NamedPlace[]): Usage[] =>
    places.map((place) => ({ name: place.name, span: spanWithin(word, place) }));
  return { text: result.text, used: usages(result.used), missing: usages(result.missing) };
}

/** Exact on the word's first line; behind that, the word as a whole. */
function spanWithin({ span }: Word, { start, length }: { start: number; length: number }): Span {
  if (start >= span.length) return span;
  return { ...span, column: span.column + start, length: Math.min(length, span.length - start) };
}
