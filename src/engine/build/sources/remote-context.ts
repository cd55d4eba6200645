import { isKind } from '../../../foundation/base/errors.ts';
import { decompress } from '../../../foundation/archive/compression.ts';
import { expandRare } from '../../../foundation/archive/rare-compression.ts';
import { blockSize, isZeroBlock } from '../../../foundation/archive/tar-header.ts';
import { createTarReader } from '../../../foundation/archive/tar-reader.ts';
import { find, walk } from '../solve/files/select.ts';
import { newFolder, type Tree, type TreeEntry, treeOver } from '../solve/files/tree.ts';
import { readTree, type TreeOptions } from '../solve/files/read-tree.ts';
import { ignoreFileNames } from '../language/ignore/ignore.ts';
import { readIgnoreFile } from './ignore-file.ts';

/** Whether bytes are a tar, plain or compressed: by what they are, not by a name. */
export async function isTar(bytes: AsyncIterable<Uint8Array>): Promise<boolean> {
  try {
    const head: Buffer[] = [];
    let length = 0;
    for await (const piece of decompress(bytes, { expandRare })) {
      head.push(piece);
      length += piece.length;
      if (length >= blockSize) break;
    }
    const block = Buffer.concat(head).subarray(0, blockSize);
    if (block.length < blockSize || isZeroBlock(block, 0)) return false;
    createTarReader({ entry: () => undefined, data: () => undefined, end: () => undefined }).push(block);
    return true;
  } catch (error) {
    if (isKind(error, 'corrupt') || isKind(error, 'unsupported')) return false;
    throw error;
  }
}

/** A context that is one fetched file: what is in it when it is an archive, or a Dockerfile alone. */
export async function contextOfFile(fetched: Tree, name: string, spool: TreeOptions): Promise<Tree> {
  const entry = fetched.get(name);
  if (!entry) throw new TypeError('a fetched tree holds its file');
  if (await isTar(fetched.read(entry))) {
    const tree = await readTree(fetched.read(entry), spool);
    return { ...tree, isFetched: true };
  }
  const entries = new Map<string, TreeEntry>([
    ['', newFolder],
    ['Dockerfile', entry],
  ]);
  return await treeOver(entries, {
    read: () => fetched.read(entry),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

/** What nobody filtered before: the context's own `.dockerignore` counts here. */
export async function withoutIgnored(tree: Tree, dockerfile: string): Promise<Tree> {
  for (const name of ignoreFileNames(dockerfile)) {
    const exclude = await readIgnoreFile(tree, find(tree, name), name);
    if (!exclude) continue;
    const entries = new Map<string, TreeEntry>([['', tree.get('') ?? newFolder]]);
    for (const [path, each] of walk(tree, '', { exclude })) entries.set(path, each);
    for (const kept of [dockerfile, '.dockerignore']) {
      const own = tree.get(kept);
      if (own?.type === 'file') entries.set(kept, own);
    }
    return await treeOver(entries, tree);
  }
  return tree;
}
