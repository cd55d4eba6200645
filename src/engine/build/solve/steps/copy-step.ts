import { Readable } from 'node:stream';
import { type ImageId, sha256 } from '../../../../foundation/oci/digest.ts';
import { canonical } from '../../graph/graph.ts';
import type { CopyVertex } from '../../graph/vertex.ts';
import type { BuildCache } from '../cache.ts';
import { layerOf, type Member } from './copy-layer.ts';
import { openRootView, type RootView } from '../files/root-view.ts';
import { toBytes, walk } from '../files/select.ts';
import { digestOfFiles } from '../files/selection.ts';
import { commitStep, composeStep, filesOnly, withContainer } from './step.ts';
import { newFolder } from '../files/tree.ts';
import type { Tree } from '../files/tree.ts';
import type { BuildDeps, StepDeps } from '../types.ts';
import {
  type Source,
  type Place,
  placeOf,
  userOf,
  ownerOf,
  dresser,
  membersOf,
  memberOf,
  isArchive,
} from './copy-members.ts';

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
export async function runCopy(deps: StepDeps, step: CopyStep): Promise<ImageId> {
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
  deps: StepDeps,
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
