import { expect, test } from 'bun:test';
import type { BuildCacheJson } from '../../../foundation/wire/silo/builds.ts';
import { chooseEntries, readCachePrune } from './build-cache-filters.ts';

/** Four of ten bytes; `a` was used first. */
const entries = ['a', 'b', 'c', 'd'].map((ID, index) => ({
  ID,
  Size: 10,
  LastUsedAt: `2026-01-0${index + 1}T00:00:00Z`,
  InUse: false,
  Shared: false,
})) as unknown as BuildCacheJson[];

const chosen = (query: string, diskFreeBytes = 0): string =>
  chooseEntries(entries, readCachePrune(new URLSearchParams(query)), diskFreeBytes)
    .map(({ ID }) => ID)
    .join('');

test('without words about space all goes, with them what was used least recently', () => {
  expect(chosen('')).toBe('abcd');
  expect(chosen('keep-storage=20')).toBe('ab');
  expect(chosen('reserved-space=30&keep-storage=10')).toBe('a');
  expect(chosen('max-used-space=15')).toBe('abc');
  expect(chosen('max-used-space=10&reserved-space=20')).toBe('ab');
  expect(chosen('max-used-space=100')).toBe('');
});

test('free space that is wanted takes what the disk lacks of it, and never what is reserved', () => {
  expect(chosen('min-free-space=100', 100)).toBe('');
  expect(chosen('min-free-space=100', 85)).toBe('ab');
  expect(chosen('min-free-space=100', 0)).toBe('abcd');
  expect(chosen('min-free-space=100&reserved-space=20', 0)).toBe('ab');
  expect(chosen('min-free-space=100&max-used-space=30', 95)).toBe('a');
  expect(chosen('min-free-space=100&max-used-space=30', 75)).toBe('abc');
});
