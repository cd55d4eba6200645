import { expect, test } from 'bun:test';
import { Readable } from 'node:stream';
import { newFolder, type Tree, type TreeEntry, treeOver } from '../solve/files/tree.ts';
import type { Git } from './git-program.ts';
import { listSubmodules, withTrees } from './submodules.ts';

const hash = 'a'.repeat(40);

/** A repository with that `.gitmodules` and those entries of its tree. */
const gitOf = (config: string, entries: string, mode = '100644'): Git => ({
  text: (args) => Promise.resolve(args[0] === 'cat-file' ? '100' : config),
  async *stream(args) {
    const list = args.includes('.gitmodules') ? `${mode} blob ${hash}\t.gitmodules\0` : entries;
    // In pieces that end anywhere.
    for await (const piece of Readable.from(list.match(/[^]{1,7}/g) ?? []))
      yield Buffer.from(String(piece), 'latin1');
  },
});
const config = (path: string): string => `submodule.x.path\n${path}\0submodule.x.url\nhttps://h/x\0`;

test('only what the commit and .gitmodules name both is a submodule', async () => {
  const text = `${config('a/b')}submodule.y.path\nplain\0submodule.y.url\nu\0submodule.no.url\nu\0core.pager\nx\0`;
  const entries = [
    `160000 commit ${hash}\ta/b`,
    `100644 blob ${hash}\tplain`,
    `160000 commit ${hash}\tunnamed`,
    '',
  ].join('\0');
  expect(await listSubmodules(gitOf(text, entries), hash)).toEqual([
    { path: 'a/b', commit: hash, url: 'https://h/x' },
  ]);
});

test('paths that lead out or into .git, and a .gitmodules that is a link, are refused', async () => {
  for (const path of ['../x', 'a/../b', '/etc', '.git/hooks', 'a/.GIT', '-x', 'a//b', '.'])
    expect(listSubmodules(gitOf(config(path), `160000 commit ${hash}\t${path}\0`), hash)).rejects.toThrow(
      'has a submodule at',
    );
  for (const mode of ['120000', '160000', '040000'])
    expect(listSubmodules(gitOf(config('a'), `160000 commit ${hash}\ta\0`, mode), hash)).rejects.toThrow(
      'no plain file',
    );
  const many = Array.from({ length: 501 }, (_, index) => `s${index}`);
  const entries = many.map((path) => `160000 commit ${hash}\t${path}\0`).join('');
  const text = many.map((path) => `submodule.${path}.path\n${path}\0submodule.${path}.url\nu\0`).join('');
  expect(listSubmodules(gitOf(text, entries), hash)).rejects.toThrow('more than 500');
});

test('a submodule lies only where the commit left an empty folder, and ends with the whole', async () => {
  const ended: string[] = [];
  const tree = (name: string, paths: readonly string[]): Promise<Tree> => {
    const file: TreeEntry = { ...newFolder, type: 'file', size: 1 };
    const entries = paths.map((path): [string, TreeEntry] => [
      path,
      path.endsWith('/') ? newFolder : { ...file },
    ]);
    return treeOver(
      new Map([['', newFolder], ...entries.map(([path, each]) => [path.replace(/\/$/, ''), each] as const)]),
      {
        async *read() {
          yield Buffer.from(name);
        },
        [Symbol.asyncDispose]: () => Promise.resolve(void ended.push(name)),
      },
    );
  };
  const whole = await withTrees(await tree('main', ['a/', 'top']), [
    { path: 'a', tree: await tree('part', ['d/', 'd/x', 'y']) },
  ]);
  const said = async (path: string): Promise<string> => {
    const entry = whole.get(path);
    const pieces: Buffer[] = [];
    if (entry) for await (const piece of whole.read(entry)) pieces.push(piece);
    return Buffer.concat(pieces).toString();
  };
  expect([whole.names(''), whole.names('a'), whole.names('a/d')]).toEqual([['a', 'top'], ['d', 'y'], ['x']]);
  expect([await said('top'), await said('a/d/x')]).toEqual(['main', 'part']);
  await whole[Symbol.asyncDispose]();
  expect(ended).toEqual(['main', 'part']);
  for (const paths of [['a'], ['b/'], ['a/', 'a/x']])
    expect(
      withTrees(await tree('main', paths), [{ path: 'a', tree: await tree('part', ['y']) }]),
    ).rejects.toThrow('no empty folder');
});
