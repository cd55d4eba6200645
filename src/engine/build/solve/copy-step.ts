import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { invalid, isKind, SiloError } from '../../../foundation/base/errors.ts';
import { decompress } from '../../../foundation/archive/compression.ts';
import { contentPadding, endOfArchive, formatMember } from '../../../foundation/archive/tar-writer.ts';
import { createTarReader } from '../../../foundation/archive/tar-reader.ts';
import { blockSize, isZeroBlock } from '../../../foundation/archive/tar-header.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { CopyVertex } from '../graph/vertex.ts';
import { type Selected, toBytes } from './select.ts';
import { commitStep, filesOnly, withContainer } from './step.ts';
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
  title: string;
  signal: AbortSignal | undefined;
}

/** Puts files into a root, which then becomes the next image. */
export function runCopy(deps: BuildDeps, step: CopyStep): Promise<ImageId> {
  const { vertex, sources, base, title, signal } = step;
  const user = ownerOf(vertex.chown);
  return withContainer(deps, base, { ...filesOnly, user }, async (id) => {
    const { destination } = vertex;
    const isFolder = await isDirectory(deps, id, destination);
    const many = sources.length + vertex.contents.length > 1;
    if (many && !destination.endsWith('/') && !isFolder && destination !== '/')
      throw invalid(
        'When using COPY or ADD with more than one source file, the destination must be a directory and end with a /',
        { code: 'destination-no-folder' },
      );
    const into = isFolder || destination.endsWith('/');
    const archives: Source[] = [];
    const plain: Source[] = [];
    for (const source of sources) ((await isArchive(vertex, source)) ? archives : plain).push(source);
    const place = {
      folder: toBytes(posix.join('/', destination)).replace(/^\/|\/$/g, ''),
      into,
      exists: isFolder,
    };
    const write = (path: string, tar: AsyncIterable<Buffer>): Promise<void> =>
      deps.files.write(id, path, Readable.from(tar, { objectMode: false }), {
        keepKinds: true,
        asUser: user !== '',
        ...(signal ? { signal } : {}),
      });
    const members = [
      ...plain.flatMap((source) => membersOf(source, place)),
      ...(archives.length > 0 && !isFolder ? [{ name: place.folder, entry: newFolder }] : []),
    ];
    await write('/', archiveOf(members, vertex, place));
    for (const { tree, entry } of archives) await write(destination, tree.read(entry));
    return commitStep(deps, id, { title, signal });
  });
}

/** Makes the folder of a WORKDIR unless it is there. */
export async function runFolder(
  deps: BuildDeps,
  {
    path,
    base,
    title,
    signal,
  }: { path: string; base: ImageId; title: string; signal: AbortSignal | undefined },
): Promise<ImageId> {
  if (path === '/') return base;
  return await withContainer(deps, base, filesOnly, async (id) => {
    if (await isDirectory(deps, id, path)) return base;
    const { xattrs: _, ...made } = newFolder;
    const member = formatMember({ ...made, name: toBytes(path).replace(/^\//, '') });
    await deps.files.write(
      id,
      '/',
      Readable.from([Buffer.concat([member, endOfArchive])], { objectMode: false }),
      {
        keepKinds: true,
        asUser: false,
        ...(signal ? { signal } : {}),
      },
    );
    return commitStep(deps, id, { title, signal });
  });
}

/** A number alone is the group, too, as in Docker. */
const ownerOf = (chown: string | undefined): string =>
  chown === undefined || chown === '' ? '' : /^\d+$/.test(chown) ? `${chown}:${chown}` : chown;

const formatMask = 0o170000;

async function isDirectory(deps: Pick<BuildDeps, 'files'>, id: ContainerId, path: string): Promise<boolean> {
  try {
    const stat = await deps.files.stat(id, posix.join('/', path).replace(/(.)\/$/, '$1'));
    if ((stat.mode & formatMask) !== 0o120000) return (stat.mode & formatMask) === 0o040000;
    const target = await deps.files.stat(id, stat.linkTarget);
    return (target.mode & formatMask) === 0o040000;
  } catch (error) {
    if (isKind(error, 'not-found')) return false;
    throw error;
  }
}

interface Member {
  name: string;
  entry: Pick<
    TreeEntry,
    'type' | 'mode' | 'uid' | 'gid' | 'mtime' | 'xattrs' | 'devMajor' | 'devMinor' | 'linkName' | 'size'
  >;
  content?: () => AsyncIterable<Buffer>;
}

interface Place {
  folder: string;
  into: boolean;
  exists: boolean;
}

/** A directory gives what it holds; a file goes into the destination, or is it. */
function membersOf({ name, entry, below, tree, isLocal }: Source, { folder, into, exists }: Place): Member[] {
  const under = (path: string): string => (folder === '' ? path : `${folder}/${path}`);
  const member = (path: string, each: TreeEntry): Member => ({
    name: path,
    entry: isLocal ? { ...each, uid: 0, gid: 0 } : each,
    ...(each.type === 'file' ? { content: () => tree.read(each) } : {}),
  });
  if (entry.type !== 'directory') return [member(into ? under(name) : folder, entry)];
  return [
    ...(exists || folder === '' ? [] : [member(folder, entry)]),
    ...below.map(([path, each]) => member(under(path), each)),
  ];
}

async function* archiveOf(
  members: readonly Member[],
  { chmod, contents }: CopyVertex,
  { folder, into }: Place,
): AsyncGenerator<Buffer> {
  const mode = chmod === undefined ? undefined : Number.parseInt(chmod, 8);
  for (const { name, entry, content } of members) {
    const { xattrs, ...rest } = entry;
    const withMode = mode === undefined || entry.type === 'symlink' ? rest : { ...rest, mode };
    yield formatMember({ ...withMode, name, ...(xattrs ? { xattrs } : {}) });
    if (!content) continue;
    yield* content();
    yield contentPadding(entry.size);
  }
  for (const { name, data } of contents) {
    const bytes = Buffer.from(data);
    const own = toBytes(name);
    const path = into ? (folder === '' ? own : `${folder}/${own}`) : folder;
    yield formatMember({
      ...newFolder,
      type: 'file',
      mode: mode ?? 0o644,
      size: bytes.length,
      name: path,
      xattrs: new Map(),
    });
    yield bytes;
    yield contentPadding(bytes.length);
  }
  yield endOfArchive;
}

/** Whether ADD unpacks it: by what it holds, not by its name. */
async function isArchive({ unpack }: CopyVertex, { entry, tree, isLocal }: Source): Promise<boolean> {
  if (unpack === 'never' || (unpack === 'local' && !isLocal)) return false;
  if (entry.type !== 'file' || entry.size < 20) return false;
  try {
    const head: Buffer[] = [];
    let length = 0;
    for await (const piece of decompress(tree.read(entry))) {
      head.push(piece);
      length += piece.length;
      if (length >= blockSize) break;
    }
    const block = Buffer.concat(head).subarray(0, blockSize);
    if (block.length < blockSize || isZeroBlock(block, 0)) return false;
    createTarReader({ entry: () => undefined, data: () => undefined, end: () => undefined }).push(block);
    return true;
  } catch (error) {
    if (error instanceof SiloError && error.kind === 'corrupt') return false;
    throw error;
  }
}
