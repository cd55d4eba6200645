import { posix } from 'node:path';
import { invalid } from '../../../../foundation/base/errors.ts';
import { joinPath } from '../../../../foundation/archive/byte-path.ts';
import { resolveUser } from '../../../../resources/spec/users.ts';
import type { CopyVertex } from '../../graph/vertex.ts';
import { isTar } from '../../sources/remote-context.ts';
import type { Member } from './copy-layer.ts';
import { parseMode } from './mode-words.ts';
import type { RootView } from '../files/root-view.ts';
import { type Selected, toBytes } from '../files/select.ts';
import { newFolder } from '../files/tree.ts';
import type { Tree, TreeEntry } from '../files/tree.ts';

/** What a source of COPY means, and where its contents are. */
export interface Source extends Selected {
  tree: Tree;
  /** Of the client, not of a stage: its owners do not count. */
  isLocal: boolean;
}

/** Where things go. */
export interface Place {
  /** Links of the base are followed. */
  folder: string;
  /** Things go into it under their own names. */
  into: boolean;
  exists: boolean;
  /** By several sources: none of them is the folder. */
  isShared: boolean;
}

export function placeOf(
  view: RootView | undefined,
  { destination, parents }: CopyVertex,
  count: number,
): Place {
  const path = toBytes(posix.join('/', destination));
  const folder = view ? view.resolve(path) : path.replace(/^\/|\/$/g, '');
  const exists = folder === '' || view?.find(folder)?.type === 'directory';
  const into = exists || destination.endsWith('/');
  if (count > 1 && !into && !parents)
    throw invalid(
      'When using COPY or ADD with more than one source file, the destination must be a directory and end with a /',
      { code: 'destination-no-folder' },
    );
  return { folder, into, exists, isShared: count > 1 };
}

interface Owner {
  uid: number;
  gid: number;
}

/** A number alone is the group, too, as in Docker. */
export const userOf = (chown: string | undefined): string =>
  chown === undefined || chown === '' ? '' : /^\d+$/.test(chown) ? `${chown}:${chown}` : chown;

const userFileLimitBytes = 4 << 20;

/** Names are those of the base. */
export function ownerOf(chown: string | undefined, view: RootView | undefined): Owner | undefined {
  const user = userOf(chown);
  if (user === '') return undefined;
  const file = (path: string): string => view?.readFile(path, userFileLimitBytes)?.toString() ?? '';
  const { uid, gid } = resolveUser(user, { passwd: file('/etc/passwd'), group: file('/etc/group') });
  return { uid, gid };
}

type Dress = (entry: TreeEntry, isLocal: boolean) => TreeEntry;

/** Owners and modes as the instruction wants them. */
export function dresser({ chmod }: CopyVertex, owner: Owner | undefined): Dress {
  const change = chmod === undefined ? undefined : parseMode(chmod);
  return (entry, isLocal) => ({
    ...entry,
    ...(owner ?? (isLocal ? { uid: 0, gid: 0 } : {})),
    ...(change && entry.type !== 'symlink'
      ? { mode: change(entry.mode, entry.type === 'directory') & 0o7777 }
      : {}),
  });
}

/** A directory gives what it holds; a file goes into the destination, or is it. */
export function* membersOf(source: Source, place: Place, dress: Dress): Generator<Member> {
  const { folder, into, exists, isShared } = place;
  const { name, entry, below, tree, isLocal } = source;
  const member = (path: string, each: TreeEntry): Member => ({
    path,
    entry: dress(each, isLocal),
    identity: each,
    ...(each.type === 'file' ? { content: () => tree.read(each) } : {}),
  });
  if (entry.type !== 'directory') {
    yield member(into ? joinPath(folder, name) : folder, entry);
    return;
  }
  if (!exists) {
    const own = dress(entry, isLocal);
    yield isShared
      ? { path: folder, entry: { ...newFolder, uid: own.uid, gid: own.gid } }
      : member(folder, entry);
  }
  for (const [path, each] of below()) yield member(joinPath(folder, path), each);
}

/** A file that the Dockerfile itself holds. */
export function memberOf({ name, data }: CopyVertex['contents'][number], place: Place, dress: Dress): Member {
  const bytes = Buffer.from(data);
  const file: TreeEntry = { ...newFolder, type: 'file', mode: 0o644, size: bytes.length };
  return {
    path: place.into ? joinPath(place.folder, toBytes(name)) : place.folder,
    entry: dress(file, true),
    async *content() {
      yield bytes;
    },
  };
}

/** Whether ADD unpacks it: by what it holds, not by its name. */
export async function isArchive({ unpack }: CopyVertex, { entry, tree, isLocal }: Source): Promise<boolean> {
  if (unpack === 'never' || (unpack === 'local' && (!isLocal || tree.isFetched))) return false;
  if (entry.type !== 'file' || entry.size < 20) return false;
  return await isTar(tree.read(entry));
}
