import { closeSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { unsupported } from '../base/errors.ts';
import { createPace } from '../base/pace.ts';
import { openat, readlinkat } from '../kernel/at.ts';
import { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../kernel/flags.ts';
import type { IdMappings } from '../kernel/id-mapping.ts';
import { type FileStatus, isRegular, statDescriptor } from '../kernel/stat.ts';
import { isErrno } from '../kernel/syscall-error.ts';
import { getXattr, listXattrs } from '../kernel/xattr.ts';
import { isAllowedXattr } from './xattr-policy.ts';
import { joinPath, opaqueMarker, parentOf, toKernelPath, whiteoutPrefix } from './byte-path.ts';
import { attributesInside, ownerInside } from './owner-map.ts';
import { tarTimeOf, tarTypeOf } from './member-status.ts';
import type { TarType } from './tar-entry.ts';
import { contentPadding, endOfArchive, formatMember, type TarMember } from './tar-writer.ts';
import { type UpperNode, walkUpper } from './upper-walk.ts';

export interface DiffOptions {
  /** The tree is seen as the host sees that of a container with these ids; the archive has the owners inside. */
  ids?: IdMappings | undefined;
  /** Leaves the entry of the root itself out, as archives of whole file systems have it. */
  withoutRoot?: boolean;
  /** Paths, one character a byte, that are left out with all below them. */
  omit?: ReadonlySet<string>;
}

/**
 * The upper folder as a layer archive, uncompressed: whiteouts in their `.wh.` form, hard links kept, sockets left out. The
 * same tree gives the same bytes. A file that changes meanwhile gets the size it had when its turn came.
 */
export const diffLayer = (upper: string, options: DiffOptions = {}): AsyncGenerator<Buffer> =>
  archiveOf(walkUpper(upper), options);

/** What a walk shows, as a layer archive. */
export async function* archiveOf(
  nodes: Iterable<UpperNode>,
  options: DiffOptions = {},
): AsyncGenerator<Buffer> {
  const firstNames = new Map<bigint, string>();
  const pace = createPace(1.5);
  let omitted: string | undefined;
  for (const node of nodes) {
    if (omitted !== undefined && node.path.startsWith(omitted)) continue;
    omitted = options.omit?.has(node.path) ? `${node.path}/` : undefined;
    if (omitted !== undefined) continue;
    // The walk is synchronous; others get their turn.
    const turn = pace();
    if (turn) await turn;
    if (node.path === '' && options.withoutRoot) continue;
    if (node.kind === 'whiteout')
      yield formatMember(marker(joinPath(parentOf(node.path), whiteoutPrefix + node.name), node.status));
    else yield* formatNode(node, firstNames, options);
    if (node.isOpaque) yield formatMember(marker(joinPath(node.path, opaqueMarker), node.status));
  }
  yield endOfArchive;
}

function marker(name: string, status: FileStatus): TarMember {
  return { type: 'file', name, mode: 0, uid: 0, gid: 0, size: 0, mtime: tarTimeOf(status.mtimeNs) };
}

async function* formatNode(
  node: UpperNode,
  firstNames: Map<bigint, string>,
  options: DiffOptions,
): AsyncGenerator<Buffer> {
  const type = tarTypeOf(node.status);
  if (type === undefined) return;
  const { status } = node;
  const member: TarMember = {
    type,
    name: node.path === '' ? './' : node.path,
    mode: status.mode & 0o7777,
    ...(options.ids ? ownerInside(status, options.ids) : { uid: status.uid, gid: status.gid }),
    mtime: tarTimeOf(status.mtimeNs),
  };
  const firstName = status.nlink > 1 && type !== 'directory' ? firstNames.get(status.ino) : undefined;
  if (firstName !== undefined) {
    yield formatMember({ ...member, type: 'hardlink', linkName: firstName });
    return;
  }
  if (status.nlink > 1) firstNames.set(status.ino, node.path);
  if (type === 'file') yield* formatFile(node, member, options.ids);
  else yield formatMember({ ...member, ...details(node, type, options.ids) });
}

function details(node: UpperNode, type: TarType, ids: IdMappings | undefined): Partial<TarMember> {
  const { status, parent } = node;
  const kernelName = toKernelPath(node.name);
  if (type === 'symlink') return { linkName: readlinkat(parent, kernelName).toString('latin1') };
  if (type === 'char' || type === 'block')
    return { devMajor: status.rdev.major, devMinor: status.rdev.minor };
  if (type !== 'directory') return {};
  const fd = openat(parent, kernelName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    return attributes(fd, ids);
  } finally {
    closeSync(fd);
  }
}

/** Nothing when the file vanished, or became something else, since it was seen. */
async function* formatFile(
  node: UpperNode,
  member: TarMember,
  ids: IdMappings | undefined,
): AsyncGenerator<Buffer> {
  const fd = openRegular(node);
  if (fd === undefined) return;
  try {
    const size = statDescriptor(fd).sizeBytes;
    yield formatMember({ ...member, size, ...attributes(fd, ids) });
    yield* content(fd, size);
    yield contentPadding(size);
  } finally {
    closeSync(fd);
  }
}

function openRegular(node: UpperNode): number | undefined {
  try {
    const fd = openat(node.parent, toKernelPath(node.name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const status = statDescriptor(fd);
    if (isRegular(status) && status.ino === node.status.ino) return fd;
    closeSync(fd);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ELOOP', 'ENXIO')) throw error;
  }
  return undefined;
}

const pieceBytes = 1 << 18;
/** Up to here a synchronous read costs less than a hop to a thread. */
const smallBytes = 1 << 16;
const readAsync = promisify(read);

async function* content(fd: number, size: number): AsyncGenerator<Buffer> {
  let left = size;
  while (left > 0) {
    const buffer = Buffer.alloc(Math.min(left, pieceBytes));
    const count =
      size <= smallBytes
        ? readSync(fd, buffer, 0, buffer.length, null)
        : (await readAsync(fd, buffer, 0, buffer.length, null)).bytesRead;
    // It shrank: zeros keep the archive whole.
    const got = count === 0 ? buffer.length : count;
    yield buffer.subarray(0, got);
    left -= got;
  }
}

function attributes(fd: number, ids: IdMappings | undefined): Pick<TarMember, 'xattrs'> {
  const xattrs = new Map<string, Buffer>();
  for (const name of listXattrs(fd)) {
    if (elsewhere.has(name))
      throw unsupported(`a folder of overlayfs has the attribute ${name}: its content is in another layer`, {
        hint: 'mount with redirect_dir=off and metacopy=off (module options of overlay)',
      });
    const value = isAllowedXattr(name) ? getXattr(fd, name) : undefined;
    if (value) xattrs.set(Buffer.from(name).toString('latin1'), value);
  }
  return xattrs.size > 0 ? { xattrs: attributesInside(xattrs, ids) } : {};
}

/** With these marks a part of what is shown stays in a lower layer (overlayfs documentation, "redirect_dir" and "metacopy"). */
const elsewhere = new Set(['trusted.overlay.redirect', 'trusted.overlay.metacopy']);
