/** One element of a pattern: a character, any one character, or any run of characters. */
type Element = { kind: 'char'; char: string } | { kind: 'one' } | { kind: 'run' };

/** Steps that one expansion may spend in patterns: a hostile one ends with an error, not with a hang. */
export const patternBudget = 1_000_000;

export class PatternTooCostly extends Error {}

export interface Budget {
  steps: number;
}

/** `*`, `?` and `\` as in the shell; brackets mean themselves, as in Docker. */
function parsePattern(text: string): Element[] {
  const elements: Element[] = [];
  let escaped = false;
  for (const char of text) {
    if (escaped) elements.push({ kind: 'char', char });
    else if (char === '*') elements.push({ kind: 'run' });
    else if (char === '?') elements.push({ kind: 'one' });
    else if (char !== '\\') elements.push({ kind: 'char', char });
    escaped = !escaped && char === '\\';
  }
  return elements;
}

/** How many characters from `start` on the pattern takes, the fewest or the most; undefined when it does not match there. */
function matchFrom(
  chars: readonly string[],
  start: number,
  elements: readonly Element[],
  { longest, budget }: { longest: boolean; budget: Budget },
): number | undefined {
  let found: number | undefined;
  let states = closure(elements, [0]);
  for (let at = start; ; at++) {
    if (states.includes(elements.length)) {
      found = at - start;
      if (!longest) return found;
    }
    if (states.length === 0 || at >= chars.length) return found;
    budget.steps -= states.length;
    if (budget.steps < 0) throw new PatternTooCostly('the pattern takes too long to match');
    states = closure(elements, advance(elements, states, chars[at] ?? ''));
  }
}

function advance(elements: readonly Element[], states: readonly number[], char: string): number[] {
  const next: number[] = [];
  for (const state of states) {
    const element = elements[state];
    if (element === undefined) continue;
    if (element.kind === 'run') next.push(state);
    else if (element.kind === 'one' || element.char === char) next.push(state + 1);
  }
  return next;
}

/** A run may also take nothing. States come sorted and stay so, each once. */
function closure(elements: readonly Element[], states: readonly number[]): number[] {
  const all: number[] = [];
  for (let state of states) {
    if ((all.at(-1) ?? -1) >= state) continue;
    all.push(state);
    while (elements[state]?.kind === 'run') all.push(++state);
  }
  return all;
}

/** `${name#pattern}`, `##`. */
export function withoutPrefix(text: string, pattern: string, longest: boolean, budget: Budget): string {
  const chars = Array.from(text);
  const length = matchFrom(chars, 0, parsePattern(pattern), { longest, budget });
  return length === undefined ? text : chars.slice(length).join('');
}

/** `${name%pattern}`, `%%`. */
export function withoutSuffix(text: string, pattern: string, longest: boolean, budget: Budget): string {
  const chars = Array.from(text).reverse();
  const length = matchFrom(chars, 0, parsePattern(pattern).reverse(), { longest, budget });
  return length === undefined ? text : chars.slice(length).reverse().join('');
}

/** `${name/pattern/replacement}`, `//`: the longest match at the first place, or at each. */
export function replacePattern(
  text: string,
  { pattern, replacement, every }: { pattern: string; replacement: string; every: boolean },
  budget: Budget,
): string {
  const chars = Array.from(text);
  const elements = parsePattern(pattern);
  if (elements.length === 0) return text;
  const parts: string[] = [];
  let at = 0;
  while (at < chars.length) {
    budget.steps--;
    const length = matchFrom(chars, at, elements, { longest: true, budget });
    if (length === undefined || length === 0) {
      parts.push(chars[at] ?? '');
      at++;
      continue;
    }
    parts.push(replacement);
    budget.steps -= replacement.length;
    at += length;
    if (!every) break;
  }
  return parts.join('') + chars.slice(at).join('');
}
