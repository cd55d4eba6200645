/** A word's place in the text it was taken from. */
export interface Slice {
  start: number;
  end: number;
}

/**
 * Words at white space, where quotes and the escape character keep white space inside of a word. Quotes stay in the words; one that is
 * never closed runs to the end.
 */
export const splitQuoted = (text: string, escape: string, from = 0): Slice[] =>
  split(text, from, (start) => wordEnd(text, escape, start));

/** Where the word that starts here ends. */
export function wordEnd(text: string, escape: string, start: number): number {
  let quote = '';
  for (let at = start; at < text.length; at++) {
    const char = text[at] ?? '';
    if (quote === '' && isSpace(text.charCodeAt(at))) return at;
    if (char === escape && quote !== "'") at++;
    else if (quote === '') quote = char === '"' || char === "'" ? char : '';
    else if (char === quote) quote = '';
  }
  return text.length;
}

/** Words at white space, whatever they hold: what COPY, EXPOSE and other plain lists do. */
export const splitPlain = (text: string, from = 0): Slice[] =>
  split(text, from, (start) => {
    let at = start;
    while (at < text.length && !isSpace(text.charCodeAt(at))) at++;
    return at;
  });

function split(text: string, from: number, endOf: (start: number) => number): Slice[] {
  const words: Slice[] = [];
  let at = from;
  for (;;) {
    while (at < text.length && isSpace(text.charCodeAt(at))) at++;
    if (at >= text.length) return words;
    const start = at;
    at = endOf(start);
    words.push({ start, end: at });
  }
}

/** Space, tab, vertical tab, form feed, line ends. */
export const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);

/** Removes quotes, and escape characters outside of single quotes, without expanding anything. */
export function unquote(text: string, escape: string): string {
  let result = '';
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (quote !== '' && char === quote) quote = '';
    else if (char === escape && quote !== "'") {
      const next = text[at + 1];
      const kept = quote === '"' && next !== '"' && next !== '$' && next !== escape;
      if (kept) result += char;
      else if (next !== undefined) {
        result += next;
        at++;
      }
    } else result += char;
  }
  return result;
}
