import { invalid } from '../../../foundation/base/errors.ts';

/**
 * Patterns of name and id filters, which Docker reads as Go regular expressions. JavaScript's own engine may take exponential time on a hostile pattern and
 * would block every other request, so the usual parts (literals, `.`, classes, groups, `|`, `*`, `+`, `?`, `^`, `$`) are matched here in
 * time proportional to pattern times text. Other constructs are refused.
 */
export function compileNamePattern(pattern: string): (text: string) => boolean {
  if (pattern.length > maximumPattern) throw unreadable(pattern);
  // Most patterns are plain names.
  if (/^[\w/:@-]*$/.test(pattern)) return (text) => text.includes(pattern);
  const parser: Parser = { pattern, at: 0 };
  const states: State[] = [];
  const start = build(parseAlternatives(parser), states, states.push({ kind: 'match' }) - 1);
  if (parser.at < pattern.length) throw unreadable(pattern);
  return (text) => run(states, start, text);
}

const maximumPattern = 512;

type Test = (character: string) => boolean;
type Node =
  | { kind: 'one'; test: Test }
  | { kind: 'edge'; end: boolean }
  | { kind: 'sequence'; parts: Node[] }
  | { kind: 'either'; options: Node[] }
  | { kind: 'repeat'; inner: Node; atLeastOnce: boolean; many: boolean };

type State =
  | { kind: 'match' }
  | { kind: 'one'; test: Test; next: number }
  | { kind: 'edge'; end: boolean; next: number }
  | { kind: 'split'; next: number[] };

interface Parser {
  pattern: string;
  at: number;
}

function parseAlternatives(parser: Parser): Node {
  const options = [parseSequence(parser)];
  while (parser.pattern[parser.at] === '|') {
    parser.at++;
    options.push(parseSequence(parser));
  }
  return { kind: 'either', options };
}

function parseSequence(parser: Parser): Node {
  const parts: Node[] = [];
  for (;;) {
    const character = parser.pattern[parser.at];
    if (character === undefined || character === '|' || character === ')') return { kind: 'sequence', parts };
    parts.push(parseRepeated(parser));
  }
}

function parseRepeated(parser: Parser): Node {
  const inner = parseAtom(parser);
  const sign = parser.pattern[parser.at];
  if (sign !== '*' && sign !== '+' && sign !== '?') return inner;
  parser.at++;
  // A following `?` only asks for the shortest match, which does not matter here.
  if (parser.pattern[parser.at] === '?') parser.at++;
  return { kind: 'repeat', inner, atLeastOnce: sign === '+', many: sign !== '?' };
}

function parseAtom(parser: Parser): Node {
  const character = parser.pattern[parser.at++] ?? '';
  switch (character) {
    case '(': {
      if (parser.pattern.startsWith('?:', parser.at)) parser.at += 2;
      const inner = parseAlternatives(parser);
      if (parser.pattern[parser.at++] !== ')') throw unreadable(parser.pattern);
      return inner;
    }
    case '[':
      return { kind: 'one', test: parseClass(parser) };
    case '.':
      return { kind: 'one', test: () => true };
    case '^':
    case '$':
      return { kind: 'edge', end: character === '$' };
    case '\\':
      return { kind: 'one', test: parseEscape(parser) };
    case '*':
    case '+':
    case '?':
    case '{':
    case '}':
    case ']':
    case ')':
      throw unreadable(parser.pattern);
    default:
      return { kind: 'one', test: (other) => other === character };
  }
}

const escapes: Record<string, RegExp> = { d: /\d/, D: /\D/, w: /\w/, W: /\W/, s: /\s/, S: /\S/ };

function parseEscape(parser: Parser): Test {
  const character = parser.pattern[parser.at++];
  const known = escapes[character ?? ''];
  if (known) return (other) => known.test(other);
  if (character === undefined || /[A-Za-z0-9]/.test(character)) throw unreadable(parser.pattern);
  return (other) => other === character;
}

function parseClass(parser: Parser): Test {
  const { pattern } = parser;
  const isNegated = pattern[parser.at] === '^';
  if (isNegated) parser.at++;
  const tests: Test[] = [];
  do {
    const first = pattern[parser.at++];
    if (first === undefined) throw unreadable(pattern);
    if (first === '\\') {
      tests.push(parseEscape(parser));
      continue;
    }
    const last =
      pattern[parser.at] === '-' && pattern[parser.at + 1] !== ']' ? pattern[parser.at + 1] : undefined;
    if (last === undefined) {
      tests.push((other) => other === first);
    } else {
      parser.at += 2;
      tests.push((other) => other >= first && other <= last);
    }
  } while (pattern[parser.at] !== ']');
  parser.at++;
  return (other) => tests.some((test) => test(other)) !== isNegated;
}

/** Adds the states of a node in front of `next` and returns the first. */
function build(node: Node, states: State[], next: number): number {
  switch (node.kind) {
    case 'one':
      return states.push({ kind: 'one', test: node.test, next }) - 1;
    case 'edge':
      return states.push({ kind: 'edge', end: node.end, next }) - 1;
    case 'sequence':
      return node.parts.reduceRight((after, part) => build(part, states, after), next);
    case 'either':
      return (
        states.push({ kind: 'split', next: node.options.map((option) => build(option, states, next)) }) - 1
      );
    case 'repeat': {
      const loop: number[] = [next];
      const split = states.push({ kind: 'split', next: loop }) - 1;
      const inner = build(node.inner, states, node.many ? split : next);
      loop.push(inner);
      return node.atLeastOnce ? inner : split;
    }
  }
}

/** Follows all possibilities at once (Thompson's construction); a match may begin anywhere. */
function run(states: State[], start: number, text: string): boolean {
  let current = new Set<number>();
  for (let at = 0; at <= text.length; at++) {
    enter(states, start, { at, length: text.length, into: current });
    for (const state of current) if (states[state]?.kind === 'match') return true;
    const character = text[at];
    if (character === undefined) return false;
    const following = new Set<number>();
    for (const index of current) {
      const state = states[index];
      if (state?.kind === 'one' && state.test(character))
        enter(states, state.next, { at: at + 1, length: text.length, into: following });
    }
    current = following;
  }
  return false;
}

function enter(
  states: State[],
  index: number,
  place: { at: number; length: number; into: Set<number> },
): void {
  if (place.into.has(index)) return;
  place.into.add(index);
  const state = states[index];
  if (state?.kind === 'split') for (const next of state.next) enter(states, next, place);
  if (state?.kind === 'edge' && place.at === (state.end ? place.length : 0)) enter(states, state.next, place);
}

function unreadable(pattern: string): Error {
  return invalid(`invalid filter pattern ${JSON.stringify(pattern.slice(0, 80))}`, {
    code: 'bad-filter',
    hint: 'use literal text, . [] () | * + ? ^ $',
  });
}
