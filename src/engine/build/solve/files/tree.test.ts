import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { archive, member } from '../../../../foundation/archive/tar-fixtures.ts';
import { select } from './select.ts';
import type { Tree } from './tree.ts';
import { readTree } from './read-tree.ts';

let folder = '';
let spools = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'silo-tree-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
}

const treeOf = (bytes: Buffer): Promise<Tree> =>
  readTree(pieces(bytes), { path: join(folder, String(spools++)), what: 'the context' });

async function textOf(tree: Tree, path: string): Promise<string> {
  const [found] = select(tree, path);
  const read: Buffer[] = [];
  if (found) for await (const piece of tree.read(found.entry)) read.push(piece);
  return Buffer.concat(read).toString();
}

test('contents, hard links and the last of two members of a name are found, also without the end of the archive', async () => {
  const whole = archive(
    member({ name: './a/b', content: 'x'.repeat(1500) }),
    member({ name: 'twice', content: 'old' }),
    member({ type: 'hardlink', name: 'hard', linkName: 'a/b' }),
    member({ name: 'twice', content: 'new!' }),
  );
  // Docker's client leaves out even the last file's padding.
  for (const bytes of [whole, whole.subarray(0, whole.length - 1024 - 508)]) {
    await using tree = await treeOf(bytes);
    expect(await textOf(tree, 'hard')).toBe('x'.repeat(1500));
    expect(await textOf(tree, '/twice')).toBe('new!');
    expect(tree.get('a')).toMatchObject({ type: 'directory', mode: 0o755 });
  }
  const failure: unknown = await treeOf(whole.subarray(0, whole.length - 1024 - 510)).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ message: expect.stringContaining('truncated') });
});

test('sources are paths and patterns; links lead to places of the tree alone', async () => {
  await using tree = await treeOf(
    archive(
      member({ type: 'directory', name: 'dir' }),
      member({ name: 'dir/one.txt', content: '1' }),
      member({ name: 'dir/two.txt', content: '2' }),
      member({ type: 'symlink', name: 'up', linkName: '../../../dir' }),
      member({ type: 'symlink', name: 'abs', linkName: '/up/one.txt' }),
      member({ type: 'symlink', name: 'round', linkName: 'round' }),
    ),
  );
  const names = (source: string): string[] => select(tree, source).map(({ name }) => name);
  expect(names('dir/*.txt')).toEqual(['one.txt', 'two.txt']);
  expect(names('../../dir/t?o.txt')).toEqual(['two.txt']);
  expect(names('ghost')).toEqual([]);
  expect(names('g*')).toEqual([]);
  expect(await textOf(tree, 'up/one.txt')).toBe('1');
  expect(await textOf(tree, 'abs')).toBe('1');
  expect(select(tree, 'round')).toMatchObject([{ entry: { type: 'symlink' } }]);
  expect([...(select(tree, 'up')[0]?.below() ?? [])].map(([path]) => path)).toEqual(['one.txt', 'two.txt']);
});
