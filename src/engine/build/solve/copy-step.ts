import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { invalid } from '../../../foundation/base/errors.ts';
import { joinPath } from '../../../foundation/archive/byte-path.ts';
import { type ImageId, sha256 } from '../../../foundation/oci/digest.ts';
import { resolveUser } from '../../../resources/spec/users.ts';
import { canonical } from '../graph/graph.ts';
import type { CopyVertex } from '../graph/vertex.ts';
import { isTar } from '../sources/remote-context.ts';
import type { BuildCache } from './cache.ts';
import { layerOf, type Member } from './copy-layer.ts';
import { parseMode } from './mode-words.ts';
import { openRootView, type RootView } from './root-view.ts';
import { type Selected, toBytes, walk } from './select.ts';
import { digestOfFiles } from './selection.ts';
import { commitStep, composeStep, filesOnly, withContainer } from './step.ts';
import { newFolder } from './tree.ts';
import type { Tree, TreeEntry } from './tree.ts';
import type { BuildDeps } from './types.ts';

/** What a source of COPY means, and where its contents are. */
export interface Source extends Selected {
  tree: Tree;
  /** Of the client, not of a stage: its owners do not count. */
  isLocal: boolean;
}

interface CopyStep {
  vertex: CopyVertex;
  sources: readonly Source[];
  base: ImageId;
  /** Where layers of linked copies are looked up; absent: nowhere. */
  cache?: Pick<BuildCache, 'find' | 'keep'>;
  /** Of the keys of this build. */
  salt: string;
  title: string;
  signal: AbortSignal | undefined;
}

/** Puts files into a root, which then becomes the next image. */
export async function runCopy(deps: BuildDeps, step: CopyStep): Promise<ImageId> {
  const { vertex, base, title, signal } = step;
  const archives: Source[] = [];
  const plain: Source[] = [];
  for (const source of step.sources) ((await isArchive(vertex, source)) ? archives : plain).push(source);
  if (archives.length === 0 && isApart(vertex)) return await linkedCopy(deps, step);
  using view = await openRootView(deps, base);
  const place = placeOf(view, vertex, step.sources.length + vertex.contents.length);
  const layer = layerFrom(deps, step, { view, place, plain, needsFolder: archives.length > 0 });
  if (archives.length > 0) return await unpackOnto(deps, step, layer, archives);
  return await composeStep(deps, { base, layer, title, signal });
}

/** A linked copy is a layer of its own, which lies on any root, unless it needs the names of users of that one. */
const isApart = ({ link, chown }: CopyVertex): boolean => link && !/[^0-9:]/.test(chown ?? '');

/** The layer is found by what is copied alone, and then put upon the root. */
async function linkedCopy(deps: BuildDeps, step: CopyStep): Promise<ImageId> {
  const { vertex, base, sources, cache, salt, title, signal } = step;
  const { root: _, sources: named, ...definition } = vertex;
  const files = await digestOfFiles(sources, signal);
  const paths = named.map(({ path }) => path);
  const key = sha256(canonical({ linked: 2, salt, ...definition, paths, files }));
  const found = cache?.find(key);
  const make = (): Promise<ImageId> => {
    const place = placeOf(undefined, vertex, sources.length + vertex.contents.length);
    const layer = layerFrom(deps, step, { view: undefined, place, plain: sources, needsFolder: false });
    return composeStep(deps, { base: undefined, layer, title, signal });
  };
  const above = found ?? (await make());
  if (found === undefined) cache?.keep(key, above, { isStep: true });
  return await composeStep(deps, { base, above, title, signal });
}

interface LayerParts {
  view: RootView | undefined;
  place: Place;
  plain: readonly Source[];
  needsFolder: boolean;
}

/** Undefined when nothing is put anywhere. */
function layerFrom(
  deps: Pick<BuildDeps, 'now'>,
  { vertex, signal }: CopyStep,
  { view, place, plain, needsFolder }: LayerParts,
): AsyncGenerator<Buffer> | undefined {
  const owner = ownerOf(vertex.chown, view);
  const dress = dresser(vertex, owner);
  const members = function* (): Generator<Member> {
    for (const source of plain) yield* membersOf(source, place, dress);
    for (const content of vertex.contents) yield memberOf(content, place, dress);
    if (needsFolder && !place.exists) yield { path: place.folder, entry: newFolder };
  };
  // A linked layer has root's folders, as the ones that it will meet.
  const { uid, gid } = (view && owner) ?? { uid: 0, gid: 0 };
  const mtimeSec = view ? Math.floor(deps.now() / 1000) : 0;
  if (members().next().done === true) return undefined;
  return layerOf(members(), { base: view, parent: { uid, gid, mtimeSec }, signal });
}

/** The helper of copies unpacks archives, with the base as its root: what they hold is whatever their maker wanted. */
function unpackOnto(
  deps: BuildDeps,
  { vertex, base, title, signal }: CopyStep,
  layer: AsyncIterable<Buffer> | undefined,
  archives: readonly Source[],
): Promise<ImageId> {
  const user = userOf(vertex.chown);
  return withContainer(deps, base, { ...filesOnly, user }, async (id) => {
    const write = (path: string, tar: AsyncIterable<Buffer>, asUser: boolean): Promise<void> =>
      deps.files.write(id, path, Readable.from(tar, { objectMode: false }), {
        keepKinds: true,
        asUser,
        ...(signal ? { signal } : {}),
      });
    if (layer) await write('/', layer, false);
    for (const { tree, entry } of archives) await write(vertex.destination, tree.read(entry), user !== '');
    return commitStep(deps, id, { title, signal });
  });
}

/** Makes the folder of a WORKDIR unless it is there. */
export async function runFolder(
  deps: BuildDeps,
  {
    path,
    user,
    base,
    title,
    signal,
  }: {
    path: string;
    user: string | undefined;
    base: ImageId;
    title: string;
    signal: AbortSignal | undefined;
  },
): Promise<ImageId> {
  using view = await openRootView(deps, base);
  const folder = view.resolve(toBytes(path));
  if (folder === '' || view.find(folder)?.type === 'directory') return base;
  const mtimeSec = Math.floor(deps.now() / 1000);
  const owner = ownerOf(user, view) ?? { uid: 0, gid: 0 };
  const entry = { ...newFolder, ...owner, mtime: { sec: mtimeSec, nsec: 0 } };
  const layer = layerOf([{ path: folder, entry }], { base: view, parent: { ...owner, mtimeSec }, signal });
  return await composeStep(deps, { base, layer, title, signal });
}

/** All files of a tree as a root. */
export function rootOfTree(
  deps: BuildDeps,
  { tree, title, signal }: { tree: Tree; title: string; signal: AbortSignal | undefined },
): Promise<ImageId> {
  const top: Place = { folder: '', into: true, exists: true, isShared: false };
  const whole = {
    tree,
    isLocal: true,
    name: '',
    path: '',
    entry: newFolder,
    below: () => walk(tree, '', {}),
  };
  const parent = { uid: 0, gid: 0, mtimeSec: 0 };
  const files = membersOf(whole, top, (entry) => ({ ...entry, uid: 0, gid: 0 }));
  const layer = layerOf(files, { base: undefined, parent, signal });
  return composeStep(deps, { base: undefined, layer, title, signal });
}

/** Where things go. */
interface Place {
  /** Links of the base are followed. */
  folder: string;
  /** Things go into it under their own names. */
  into: boolean;
  exists: boolean;
  /** By several sources: none of them is the folder. */
  isShared: boolean;
}

function placeOf(view: RootView | undefined, { destination, parents }: CopyVertex, count: number): Place {
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
const userOf = (chown: string | undefined): string =>
  chown === undefined || chown === '' ? '' : /^\d+$/.test(chown) ? `${chown}:${chown}` : chown;

const userFileLimitBytes = 4 << 20;

/** Names are those of the base. */
function ownerOf(chown: string | undefined, view: RootView | undefined): Owner | undefined {
  const user = userOf(chown);
  if (user === '') return undefined;
  const file = (path: string): string => view?.readFile(path, userFileLimitBytes)?.toString() ?? '';
  const { uid, gid } = resolveUser(user, { passwd: file('/etc/passwd'), group: file('/etc/group') });
  return { uid, gid };
}

type Dress = (entry: TreeEntry, isLocal: boolean) => TreeEntry;

/** Owners and modes as the instruction wants them. */
function dresser({ chmod }: CopyVertex, owner: Owner | undefined): Dress {
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
function* membersOf(source: Source, place: Place, dress: Dress): Generator<Member> {
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
function memberOf({ name, data }: CopyVertex['contents'][number], place: Place, dress: Dress): Member {
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
async function isArchive({ unpack }: CopyVertex, { entry, tree, isLocal }: Source): Promise<boolean> {
  if (unpack === 'never' || (unpack === 'local' && (!isLocal || tree.isFetched))) return false;
  if (entry.type !== 'file' || entry.size < 20) return false;
  return await isTar(tree.read(entry));
}
