import { createHash } from 'node:crypto';
import { closeSync, read as readCallback, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { corrupt } from '../../../../foundation/base/errors.ts';
import type { ImageId } from '../../../../foundation/oci/digest.ts';
import { openRootView, type RootView } from './root-view.ts';
import type { Tree, TreeEntry } from './tree.ts';
import type { BuildDeps } from '../types.ts';

const read = promisify(readCallback);
const pieceBytes = 1 << 20;
/** Up to here a synchronous read costs less than a hop to a thread. */
const smallBytes = 1 << 15;

/** The files of a stage or an image, looked at when they are asked for. */
export async function openStageTree(
  deps: Pick<BuildDeps, 'images' | 'layers' | 'directory'>,
  image: ImageId,
): Promise<Tree> {
  return treeOfView(await openRootView(deps, image));
}

function treeOfView(view: RootView): Tree {
  const entries = new Map<string, TreeEntry | undefined>();
  const folders = new Map<string, readonly string[]>();
  const paths = new WeakMap<TreeEntry, string>();
  /** Files with several names are one entry, as in archives. */
  const byInode = new Map<string, TreeEntry>();
  const digests = new WeakMap<TreeEntry, Promise<string>>();

  const look = (path: string): TreeEntry | undefined => {
    const found = view.find(path);
    if (!found) return undefined;
    const { inode, ...entry } = found;
    const same = inode === undefined ? undefined : byInode.get(inode);
    if (same) return same;
    if (inode !== undefined) byInode.set(inode, entry);
    paths.set(entry, path);
    return entry;
  };

  async function* contents(entry: TreeEntry): AsyncGenerator<Buffer> {
    const path = paths.get(entry);
    if (path === undefined) throw new TypeError('the entry is of another tree');
    const fd = view.open(path);
    try {
      for (let left = entry.size; left > 0;) {
        const piece = Buffer.allocUnsafe(Math.min(left, pieceBytes));
        const count =
          entry.size <= smallBytes
            ? readSync(fd, piece, 0, piece.length, null)
            : (await read(fd, piece, 0, piece.length, null)).bytesRead;
        if (count === 0) throw corrupt('a file of a stage is shorter than it was', { code: 'layer-damaged' });
        left -= count;
        yield piece.subarray(0, count);
      }
    } finally {
      closeSync(fd);
    }
  }

  const hash = async (entry: TreeEntry): Promise<string> => {
    const sum = createHash('sha256');
    for await (const piece of contents(entry)) sum.update(piece);
    return sum.digest('hex');
  };

  return {
    get(path) {
      if (!entries.has(path)) entries.set(path, look(path));
      return entries.get(path);
    },
    names(folder) {
      const known = folders.get(folder) ?? view.names(folder).sort();
      folders.set(folder, known);
      return known;
    },
    read: contents,
    digest(entry) {
      const known = digests.get(entry) ?? hash(entry);
      digests.set(entry, known);
      return known;
    },
    [Symbol.asyncDispose]: () => {
      view[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}
