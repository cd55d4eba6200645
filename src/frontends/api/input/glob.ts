import { invalid } from '../../../foundation/base/errors.ts';

/** Go's `path.Match`: `*` and `?` stop at slashes; everything else is literal. Takes time proportional to pattern times text. */
export function compileGlob(pattern: string): (text: string) => boolean {
  if (/\[[^\]]*$/.test(pattern)) throw invalid('syntax error in pattern', { code: 'bad-filter' });
  return (text) => matches(pattern, text);
}

function matches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.length && (pattern[p] === text[t] || (pattern[p] === '?' && text[t] !== '/'))) {
      p++;
      t++;
    } else if (star >= 0 && text[resume] !== '/') {
      // The last star takes one more character.
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
