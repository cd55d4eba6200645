import { expect, test } from 'bun:test';
import { digestOf } from './selection.ts';
import { select, type Selecting } from './select.ts';
import { newFolder, type Tree, type TreeEntry, treeOver, without } from './tree.ts';

const file: TreeEntry = { ...newFolder, type: 'file', mode: 0o644, digest: 'd' };

/** A tree of these paths: folders end with a slash, links have an arrow. */
function treeOf(...paths: string[]): Promise<Tree> {
  const entries = new Map<string, TreeEntry>([['', newFolder]]);
  for (const text of paths) {
    const [path = '', link] = text.replace(/\/$/, '').split('>');
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/');
      if (!entries.has(parent)) entries.set(parent, newFolder);
    }
    const entry = text.endsWith('/')
      ? newFolder
      : link === undefined
        ? file
        : { ...file, type: 'symlink' as const, linkName: link };
    entries.set(path, entry);
  }
  return treeOver(entries, {
    async *read() {
      yield* [];
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

const taken = (tree: Tree, source: string, selecting: Selecting = {}): string[] =>
  select(tree, source, selecting).flatMap(({ name, entry, below }) => [
    `${name}${entry.type === 'directory' ? '/' : ''}`,
    ...[...below()].map(([path, each]) => `  ${path}${each.type === 'directory' ? '/' : ''}`),
  ]);

test('patterns match a part of the path each, and only links before the first one are followed', async () => {
  const tree = await treeOf('a/x1.txt', 'a/x2.txt', 'b/x1.txt', 'b/y/x1.txt', 'l>a', 'w[1]');
  expect(taken(tree, '*/x1.txt')).toEqual(['x1.txt', 'x1.txt']);
  expect(taken(tree, 'l/*.txt')).toEqual(['x1.txt', 'x2.txt']);
  expect(taken(tree, '[a-b]/x?.txt')).toEqual(['x1.txt', 'x2.txt', 'x1.txt']);
  expect(taken(tree, '**/x1.txt')).toEqual(['x1.txt', 'x1.txt']);
  expect(taken(tree, 'w\\[1\\]')).toEqual(['w[1]']);
  expect(taken(tree, 'l')).toEqual(['l/', '  x1.txt', '  x2.txt']);
});

test('what is excluded is named from the source on; a folder comes when something in it does', async () => {
  const tree = await treeOf('s/a.md', 's/b/c.md', 's/b/d.txt', 's/e/f.md', 's/g/');
  expect(taken(tree, 's', { exclude: ['*.md'] })).toEqual([
    's/',
    '  b/',
    '  b/c.md',
    '  b/d.txt',
    '  e/',
    '  e/f.md',
    '  g/',
  ]);
  expect(taken(tree, 's', { exclude: ['**/*.md', 'g'] })).toEqual(['s/', '  b/', '  b/d.txt', '  e/']);
  expect(taken(tree, 's', { exclude: ['*', '!b/*.txt'] })).toEqual(['s/', '  b/', '  b/d.txt']);
  expect(taken(tree, 's/*', { exclude: ['a.*'] })).toEqual(['b/', '  c.md', '  d.txt', 'e/', '  f.md', 'g/']);
});

test('parents come along from the top or the pivot, and links on the way are no way', async () => {
  const tree = await treeOf('x/y/one', 'x/y/two', 'x/z/one', 'l>x');
  expect(taken(tree, 'x/y/one', { parents: true })).toEqual(['/', '  x/', '  x/y/', '  x/y/one']);
  expect(taken(tree, 'x/./*/one', { parents: true })).toEqual(['/', '  y/', '  y/one', '  z/', '  z/one']);
  expect(taken(tree, './x/y/', { parents: true })).toEqual(['/', '  x/', '  x/y/', '  x/y/one', '  x/y/two']);
  expect(taken(tree, '**/two', { parents: true })).toEqual(['/', '  x/', '  x/y/', '  x/y/two']);
  expect(taken(tree, 'l/./y/one', { parents: true })).toEqual(['/', '  y/', '  y/one']);
  expect(taken(tree, 'l/y/one', { parents: true })).toEqual([]);
  expect(taken(tree, '../../x/./../z/one', { parents: true })).toEqual(['/', '  z/', '  z/one']);
});

test('circles and chains of links end', async () => {
  const chain = Array.from({ length: 100 }, (_, index) => `l${index}>l${index + 1}`);
  const tree = await treeOf('a>b', 'b>a', 'up>../../../../d', 'd/f', ...chain, 'l100');
  expect(taken(tree, 'a/x')).toEqual([]);
  expect(select(tree, 'l0')[0]?.entry.type).toBe('symlink');
  expect(taken(tree, 'up')).toEqual(['up/', '  f']);
});

test('a digest tells content, modes and names, not times, and what was left out does not count', async () => {
  const place = (tree: Tree) => ({ tree, isLocal: true, title: 'COPY' });
  const one = await treeOf('a/b', 'a/c');
  const other = without(await treeOf('a/b', 'a/c', 'a/d'), new Set(['a/d']));
  const digest = (tree: Tree, selecting: Selecting = {}): Promise<string> =>
    digestOf(place(tree), ['a'], selecting);
  expect(await digest(one)).toBe(await digest(other));
  expect(await digest(one)).not.toBe(await digest(await treeOf('a/b')));
  expect(await digest(one, { exclude: ['c'] })).toBe(await digest(await treeOf('a/b')));
});

test('the event loop goes on while a folder of 60,000 names in any order is sorted and looked at', async () => {
  const entries = new Map<string, TreeEntry>([['', newFolder]]);
  for (let index = 0; index < 60_000; index++) entries.set(`${(index * 7919) % 60_000}-${index}`, file);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const tree = await treeOver(entries, {
    async *read() {
      yield* [];
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
  await digestOf({ tree, isLocal: true, title: 'COPY' }, ['/'], {});
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
  const names = tree.names('');
  expect(names).toEqual(names.toSorted((a, b) => (a < b ? -1 : 1)));
}, 60_000);
