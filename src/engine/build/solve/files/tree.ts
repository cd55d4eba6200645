import { createPace } from '../../../../foundation/base/pace.ts';
import { baseOf, joinPath, parentOf } from '../../../../foundation/archive/byte-path.ts';
import type { TarEntry } from '../../../../foundation/archive/tar-entry.ts';
import { sorted } from './sorted-names.ts';

/** One file of a tree. Paths and links are one character a byte. */
export interface TreeEntry extends Pick<
  TarEntry,
  'mode' | 'uid' | 'gid' | 'mtime' | 'xattrs' | 'devMajor' | 'devMinor'
> {
  type: Exclude<TarEntry['type'], 'hardlink'>;
  linkName: string;
  size: number;
  /** Where the tree finds the content. */
  at: number;
  /** SHA-256 of the content in hexadecimal; empty for all but files, and where the tree has to be asked. */
  digest: string;
}

/** Files to copy from. Paths are one character a byte, without a slash in front; `''` is the top, a directory. No link is ever followed here. */
export interface Tree extends AsyncDisposable {
  get(path: string): TreeEntry | undefined;
  /** What a directory holds, in the order of the bytes. */
  names(folder: string): readonly string[];
  read(entry: TreeEntry): AsyncGenerator<Buffer>;
  /** ADD named its address itself: archives in it are not unpacked unless that is wanted. */
  readonly isFetched?: boolean;
  /** The digest of a file's content where the entry does not have it. */
  digest?(entry: TreeEntry): Promise<string>;
}

/**
 * A tree of entries by path, in which parents of every file are and are directories. Directories are sorted in turns of the event loop: a million files take
 * a second.
 */
export async function treeOver(
  entries: ReadonlyMap<string, TreeEntry>,
  contents: Pick<Tree, 'read' | 'digest'> & AsyncDisposable,
): Promise<Tree> {
  const pace = createPace();
  const folders = new Map<string, { names: string[]; isSorted: boolean }>();
  for (const path of entries.keys()) {
    const turn = pace();
    if (turn) await turn;
    if (path === '') continue;
    const parent = parentOf(path);
    const name = baseOf(path);
    const folder = folders.get(parent);
    if (!folder) folders.set(parent, { names: [name], isSorted: true });
    else {
      folder.isSorted &&= (folder.names.at(-1) ?? '') < name;
      folder.names.push(name);
    }
  }
  for (const folder of folders.values())
    if (!folder.isSorted) folder.names = await sorted(folder.names, pace);
  return {
    ...contents,
    get: (path) => entries.get(path),
    names: (folder) => folders.get(folder)?.names ?? [],
  };
}

/** The same tree without some files. */
export function without(tree: Tree, paths: ReadonlySet<string>): Tree {
  return {
    ...tree,
    get: (path) => (paths.has(path) ? undefined : tree.get(path)),
    names: (folder) => tree.names(folder).filter((name) => !paths.has(joinPath(folder, name))),
  };
}

/** A file's content in one piece; whoever asks has looked at its size. */
export async function readWhole(tree: Pick<Tree, 'read'>, entry: TreeEntry): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of tree.read(entry)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** A directory that nobody described. */
export const newFolder: TreeEntry = {
  type: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: { sec: 0, nsec: 0 },
  xattrs: undefined,
  devMajor: 0,
  devMinor: 0,
  linkName: '',
  size: 0,
  at: 0,
  digest: '',
};
