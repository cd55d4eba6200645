/** One element of a pattern, matched against one character (or, `deep`, any number of them). */
type Element =
  | { kind: 'char'; char: string }
  /** `?`: one character that is no slash. */
  | { kind: 'one' }
  /** `*`: any number of characters without a slash. */
  | { kind: 'run' }
  /** `[a-z]`, `[^a]`. */
  | { kind: 'class'; ranges: readonly (readonly [string, string])[]; negated: boolean }
  /** A last `**`: anything. */
  | { kind: 'rest' }
  /** `**` before something: nothing, or anything that ends with a slash. */
  | { kind: 'deep' };

export interface IgnorePattern {
  /** As written, without `!`. */
  text: string;
  /** Starts with `!`: what matches is taken in again. */
  exclusion: boolean;
  elements: readonly Element[];
  /** `**` and then plain text: every path that ends so. */
  suffix?: string;
}

/** Reads one pattern that was cleaned. Undefined when its brackets or escapes are not complete. */
export function parsePattern(text: string, exclusion: boolean): IgnorePattern | undefined {
  const chars = Array.from(text);
  const elements: Element[] = [];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? '';
    if (char === '*' && chars[at + 1] === '*') {
      at += chars[at + 2] === '/' ? 2 : 1;
      elements.push({ kind: at + 1 >= chars.length ? 'rest' : 'deep' });
    } else if (char === '*') elements.push({ kind: 'run' });
    else if (char === '?') elements.push({ kind: 'one' });
    else if (char === '\\') {
      at++;
      const next = chars[at];
      if (next === undefined) return undefined;
      elements.push({ kind: 'char', char: next });
    } else if (char === '[') {
      const found = readClass(chars, at);
      if (found === undefined) return undefined;
      elements.push(found.element);
      at = found.last;
    } else elements.push({ kind: 'char', char });
  }
  const plain = text.startsWith('**') && !/[*?[\]\\]/.test(text.slice(2));
  return { text, exclusion, elements, ...(plain ? { suffix: text.slice(2) } : {}) };
}

function readClass(chars: readonly string[], start: number): { element: Element; last: number } | undefined {
  const ranges: [string, string][] = [];
  let at = start + 1;
  const negated = chars[at] === '^';
  if (negated) at++;
  const one = (): string | undefined => {
    const char = chars[at++];
    return char === '\\' ? chars[at++] : char;
  };
  while (at < chars.length && (chars[at] !== ']' || ranges.length === 0)) {
    if (chars[at] === '-' || chars[at] === ']') return undefined;
    const low = one();
    if (low === undefined) return undefined;
    if (chars[at] !== '-') {
      ranges.push([low, low]);
      continue;
    }
    at++;
    if (chars[at] === ']' || chars[at] === '-') return undefined;
    const high = one();
    if (high === undefined) return undefined;
    ranges.push([low, high]);
  }
  if (at >= chars.length) return undefined;
  return { element: { kind: 'class', ranges, negated }, last: at };
}

/** Whether the pattern matches the whole path. Time is the product of the two lengths at most, whatever they hold. */
export function patternMatches(pattern: IgnorePattern, path: string): boolean {
  if (pattern.suffix !== undefined) return endsWith(path, pattern.suffix);
  const end = pattern.elements.length;
  let states = reach(pattern, [0]);
  for (const char of path) {
    if (states.length === 0) return false;
    states = reach(pattern, advance(pattern, states, char));
  }
  return states.at(-1) === end;
}

/** Whether some path below the folder could match: the folder with its slash is the start of one that does. */
export function mayMatchBelow(pattern: IgnorePattern, folder: string): boolean {
  if (pattern.suffix !== undefined) return true;
  let states = reach(pattern, [0]);
  for (const char of `${folder}/`) {
    if (states.length === 0) return false;
    states = reach(pattern, advance(pattern, states, char));
  }
  return states.some((state) => state < pattern.elements.length || pattern.elements.at(-1)?.kind === 'rest');
}

const endsWith = (path: string, suffix: string): boolean =>
  path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));

/*
 * States are positions between elements. `deep` has two: before it (nothing taken, or all up to a slash) and, as a negative number,
 * inside of it.
 */
function advance({ elements }: IgnorePattern, states: readonly number[], char: string): Set<number> {
  const next = new Set<number>();
  for (const state of states) {
    const inside = state < 0;
    const position = inside ? -state - 1 : state;
    const element = elements[position];
    if (element === undefined) continue;
    if (element.kind === 'deep') {
      next.add(-position - 1);
      if (char === '/') next.add(position + 1);
    } else if (element.kind === 'rest') next.add(state);
    else if (element.kind === 'run') {
      if (char !== '/') next.add(state);
    } else if (takes(element, char)) next.add(state + 1);
  }
  return next;
}

function takes(element: Exclude<Element, { kind: 'run' | 'rest' | 'deep' }>, char: string): boolean {
  if (element.kind === 'char') return element.char === char;
  if (element.kind === 'one') return char !== '/';
  return element.ranges.some(([low, high]) => low <= char && char <= high) !== element.negated;
}

/** Adds what can be reached without a character; sorted, so that the end comes last. */
function reach({ elements }: IgnorePattern, states: Iterable<number>): number[] {
  const all = new Set<number>();
  for (let state of states)
    for (; !all.has(state); state++) {
      all.add(state);
      const kind = state < 0 ? undefined : elements[state]?.kind;
      if (kind !== 'run' && kind !== 'rest' && kind !== 'deep') break;
    }
  return [...all].sort((a, b) => a - b);
}
