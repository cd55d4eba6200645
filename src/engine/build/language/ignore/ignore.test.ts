import { describe, expect, test } from 'bun:test';
import recorded from '../../../../../test/build/recorded/dockerignore.json';
import { parseIgnoreFile } from './ignore.ts';
import type { IgnoreMatcher } from './ignore.ts';

/** What a walk leaves out, which enters ignored folders only when it must. */
function walk(matcher: IgnoreMatcher, tree: readonly string[]): string[] {
  const left: string[] = [];
  const visit = (prefix: string, paths: readonly string[], folder?: readonly boolean[]): void => {
    const names = Map.groupBy(paths, (path) => path.slice(prefix.length).split('/', 1)[0] ?? '');
    for (const [name, below] of names) {
      const path = prefix + name;
      const { ignored, match } = matcher.ask(path, folder);
      if (below.length === 1 && below[0] === path) {
        if (ignored) left.push(path);
      } else if (!ignored || matcher.mayHoldMore(path, match)) visit(`${path}/`, below, match);
      else left.push(...below);
    }
  };
  visit('', tree);
  return left.sort();
}

describe('.dockerignore, compared with contexts that Docker 26.1 built', () => {
  for (const { patterns, ignored } of recorded.cases)
    test(JSON.stringify(patterns), () => {
      if (ignored === undefined) return expect(() => parseIgnoreFile(patterns)).toThrow('.dockerignore:1: ');
      const matcher = parseIgnoreFile(patterns);
      expect(recorded.tree.filter((path) => matcher.ignores(path))).toEqual(ignored);
      expect(walk(matcher, recorded.tree)).toEqual(ignored.toSorted());
    });
});

test('an ignored folder is walked only when an exclusion reaches below', () => {
  const matcher = parseIgnoreFile('*\n!src/*.ts\n!**/keep');
  const only = parseIgnoreFile('*\n!src/*.ts');
  const deep = (one: IgnoreMatcher, path: string): boolean => one.mayHoldMore(path, one.ask(path).match);
  expect([deep(matcher, 'other'), deep(only, 'other'), deep(only, 'src')]).toEqual([true, false, true]);
  const nested = only.ask('src/sub', only.ask('src').match);
  expect(only.mayHoldMore('src/sub', nested.match)).toBe(false);
});

test('hostile patterns take no more time than their length', () => {
  const matcher = parseIgnoreFile(`${'**/*a'.repeat(100)}b\n${'[a-z]*'.repeat(200)}b`);
  expect(matcher.ignores('a/'.repeat(100) + 'x'.repeat(1000))).toBe(false);
  expect(() => parseIgnoreFile('x'.repeat(5000))).toThrow('more than 10000 patterns');
}, 60_000);
