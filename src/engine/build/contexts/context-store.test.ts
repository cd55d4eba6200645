import { afterAll, beforeAll, expect, spyOn, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { type FileHandle, mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tree } from '../solve/files/tree.ts';
import type { ClientFolder, FolderEntry } from './client-folder.ts';
import { createContextStore, type ContextStore } from './context-store.ts';

let directory: string;
let store: ContextStore;
let clock = 1000;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'silo-contexts-'));
  store = createContextStore({ directory, now: () => clock++ });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

interface Given {
  path: string;
  text: string;
  facts?: string;
}

/** A client with these files, which counts what it is asked for. */
function client(files: readonly Given[], change: Partial<ClientFolder> = {}) {
  const asked = { digests: 0, contents: 0 };
  const folder: ClientFolder = {
    kind: 'folder',
    machine: 'm',
    async *list() {
      yield files.map(entryOf);
    },
    async *digests(places) {
      for (const place of places) {
        asked.digests++;
        yield { digest: sha256(files[place]?.text ?? ''), isAsListed: true };
      }
    },
    async *contents(places) {
      for (const place of places) {
        asked.contents++;
        yield { kind: 'bytes', bytes: Buffer.from(files[place]?.text ?? '') };
        yield { kind: 'end', isAsListed: true };
      }
    },
    ...change,
  };
  return { folder, asked };
}

const entryOf = ({ path, text, facts = '' }: Given): FolderEntry => ({
  path,
  type: 'file',
  mode: 0o644,
  size: text.length,
  mtime: { sec: 1, nsec: 0 },
  linkName: '',
  facts,
});

async function textOf(tree: Tree, path: string): Promise<string> {
  const entry = tree.get(path);
  if (!entry) throw new Error(`no ${path}`);
  const pieces: Buffer[] = [];
  for await (const piece of tree.read(entry)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const read = (folder: ClientFolder): Promise<Tree> => store.read(folder, { what: 'the context' });

test('contents are asked for once: then facts are enough, and digests where facts are others', async () => {
  const files = [
    { path: 'a', text: 'first', facts: 'fa' },
    { path: 'd/b', text: 'second', facts: 'fb' },
  ];
  const first = client(files);
  await using one = await read(first.folder);
  expect(first.asked).toEqual({ digests: 0, contents: 2 });
  expect([await textOf(one, 'a'), await textOf(one, 'd/b')]).toEqual(['first', 'second']);
  expect(one.get('d')?.type).toBe('directory');
  expect(one.get('a')?.digest).toBe(sha256('first'));

  const second = client(files);
  await using two = await read(second.folder);
  expect(second.asked).toEqual({ digests: 0, contents: 0 });
  expect(await textOf(two, 'd/b')).toBe('second');

  const touched = client([
    { path: 'a', text: 'first', facts: 'new' },
    { path: 'd/b', text: 'SECOND', facts: 'newer' },
    { path: 'c', text: 'of another size', facts: '' },
  ]);
  await using three = await read(touched.folder);
  expect(touched.asked).toEqual({ digests: 2, contents: 2 });
  expect(await textOf(three, 'd/b')).toBe('SECOND');
  const again = client([{ path: 'a', text: 'first', facts: 'new' }]);
  await using _four = await read(again.folder);
  expect(again.asked).toEqual({ digests: 0, contents: 0 });
});

test('facts of another machine, or of a file that changed meanwhile, prove nothing', async () => {
  const files = [{ path: 'x', text: 'of a machine', facts: 'f' }];
  await (await read(client(files).folder))[Symbol.asyncDispose]();
  const other = client(files, { machine: 'n' });
  await (await read(other.folder))[Symbol.asyncDispose]();
  expect(other.asked.digests).toBe(1);
  const moving = client([{ path: 'y', text: 'it moves', facts: 'g' }], {
    async *contents() {
      yield { kind: 'bytes', bytes: Buffer.from('it moves') };
      yield { kind: 'end', isAsListed: false };
    },
  });
  await (await read(moving.folder))[Symbol.asyncDispose]();
  const after = client([{ path: 'y', text: 'it moved', facts: 'g' }]);
  await using tree = await read(after.folder);
  expect(await textOf(tree, 'y')).toBe('it moved');
});

test('a digest that the client made up gets no more than what it sends', async () => {
  const lying = client([{ path: 'z', text: 'first' }], {
    async *digests() {
      yield { digest: sha256('no such content'), isAsListed: true };
    },
  });
  await using tree = await read(lying.folder);
  expect([await textOf(tree, 'z'), tree.get('z')?.digest]).toEqual(['first', sha256('first')]);
});

test('what is pruned stays readable for who reads it, and is asked for again', async () => {
  const files = [{ path: 'p', text: 'to be pruned', facts: 'p' }];
  const tree = await read(client(files).folder);
  expect(store.usage().sizeBytes).toBeGreaterThan(0);
  expect(await store.prune()).toBeGreaterThan(0);
  expect(store.usage()).toEqual({ sizeBytes: 0, lastUsedMs: 0 });
  expect(await textOf(tree, 'p')).toBe('to be pruned');
  await tree[Symbol.asyncDispose]();
  expect(await readdir(directory)).toEqual([]);
  const again = client(files);
  await using _ = await read(again.folder);
  expect(again.asked.contents).toBe(1);
});

const bad: [what: string, change: Partial<ClientFolder>, message: string][] = [
  ['a path out of the tree', list([{ path: '../x', text: '' }]), 'is no path in the tree'],
  ['an absolute path', list([{ path: '/x', text: '' }]), 'is no path in the tree'],
  [
    'a path twice',
    list([
      { path: 'x', text: '' },
      { path: 'x', text: '' },
    ]),
    'is there twice',
  ],
  [
    'a file below a file',
    list([
      { path: 'x', text: '' },
      { path: 'x/y', text: '' },
    ]),
    'no directory',
  ],
  [
    'a file of 100 GiB',
    {
      async *list() {
        yield [{ ...entryOf({ path: 'x', text: '' }), size: 100 * 2 ** 30 }];
      },
    },
    'larger than',
  ],
  ['a long name', list([{ path: 'x'.repeat(5000), text: '' }]), 'too long'],
  [
    'fewer bytes than were listed',
    {
      async *contents() {
        yield { kind: 'end', isAsListed: true };
      },
    },
    'another size',
  ],
  [
    'no contents at all',
    {
      async *contents() {
        /* ends */
      },
    },
    'fewer contents',
  ],
  [
    'contents that nobody asked for',
    {
      async *contents() {
        for (let i = 0; i < 3; i++) {
          yield { kind: 'bytes', bytes: Buffer.from('unheard of') };
          yield { kind: 'end', isAsListed: true };
        }
      },
    },
    'more contents',
  ],
];
function list(files: readonly Given[]): Partial<ClientFolder> {
  return {
    async *list() {
      yield files.map(entryOf);
    },
  };
}
for (const [what, change, message] of bad)
  test(`${what} ends the context, and nothing of it stays open`, async () => {
    const { folder } = client([{ path: 'q', text: 'unheard of' }], change);
    expect(await read(folder).then(String, (error: Error) => error.message)).toContain(message);
    await store.prune();
    expect(await readdir(directory)).toEqual([]);
  });

test('what a full disk did not take is asked for again', async () => {
  const files = [{ path: 'lost', text: 'never written', facts: 'lost' }];
  const handle = await open(directory);
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const real = Reflect.get(prototype, 'write') as (...rest: unknown[]) => unknown;
  let writes = 0;
  const write = spyOn(prototype, 'write').mockImplementation(function (
    this: FileHandle,
    ...rest: unknown[]
  ): never {
    if (++writes === 2) throw new Error('ENOSPC');
    return Reflect.apply(real, this, rest) as never;
  });
  try {
    // What is large is written at once, with what was waiting.
    const text = 'x'.repeat(2 << 20);
    const all = [{ path: 'a', text }, ...files, { path: 'z', text: `${text}z` }];
    const error = await read(client(all).folder).then(() => '', String);
    expect(error).toContain('ENOSPC');
  } finally {
    write.mockRestore();
  }
  const again = client(files);
  await using tree = await read(again.folder);
  expect(again.asked.contents).toBe(1);
  expect(await textOf(tree, 'lost')).toBe('never written');
});
