import { expect, test } from 'bun:test';
import { nearest } from './nearest.ts';

test('a slip of one or two letters is understood, the nearest name first', () => {
  const suites = ['bookworm', 'bullseye', 'trixie', 'sid', 'noble'];
  expect(nearest('bokworm', suites)).toEqual(['bookworm']);
  expect(nearest('trixe', suites)).toEqual(['trixie']);
  expect(nearest('nobel', suites)).toEqual(['noble']);
  expect(nearest('sud', suites)).toEqual(['sid']);
  expect(nearest('windows', suites)).toEqual([]);
  expect(nearest('ab', ['abc', 'ab', 'xb', 'b'], 2)).toEqual(['ab', 'abc']);
});
