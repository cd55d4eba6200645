import { mkdirSync, writeSync } from 'node:fs';
import { decompress } from '../../../foundation/archive/compression.ts';
import { createExtractor } from '../../../foundation/archive/rooted/extract.ts';
import { packTree } from '../../../foundation/archive/rooted/pack.ts';
import { findPlace, openPlace } from '../../../foundation/archive/rooted/place.ts';
import { readStandardInput } from '../../../foundation/archive/standard-input.ts';
import { defaultTarLimits } from '../../../foundation/archive/tar-limits.ts';
import { createTarReader } from '../../../foundation/archive/tar-reader.ts';
import { canceled, forbidden, SiloError, toSiloError } from '../../../foundation/base/errors.ts';
import { closeDescriptor, openat } from '../../../foundation/kernel/at.ts';
import { AT_FDCWD, O_DIRECTORY, O_PATH } from '../../../foundation/kernel/flags.ts';
import { chrootInto, dieWithParent, forbidNewPrivileges } from '../../../foundation/kernel/confine.ts';
import { setNonBlocking } from '../../../foundation/kernel/io.ts';
import { createReopener, type Reopener } from '../../../foundation/kernel/reopen.ts';
import { type Root, rootAt } from '../../../foundation/kernel/rooted.ts';
import { isDirectory, isSymlink, statDescriptor } from '../../../foundation/kernel/stat.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import { resolveUser } from '../../../resources/spec/users.ts';
import { mountPrivately } from './private-root.ts';
import {
  type HelperAction,
  type HelperReply,
  type HelperRequest,
  missingPathCode,
  replyFd,
  rootFd,
} from './protocol.ts';

/*
 * The helper for files of one container: one request, then it ends. Its own root is an empty folder, so that no path leads anywhere, neither to the host nor
 * to a library of the container (CVE-2019-14271); the container's files are reached by one descriptor and `openat2` alone.
 */

/** Main function of the helper: `argv` is the request as JSON. Resolves with the exit code. */
export async function runFilesHelper(argv: readonly string[]): Promise<number> {
  try {
    await serve(JSON.parse(argv[0] ?? '{}') as HelperRequest);
    reply({ type: 'done' });
    return 0;
  } catch (thrown) {
    const { kind, code, message, hint } = toClientError(toSiloError(thrown));
    reply({ type: 'error', error: { kind, code, message, ...(hint === undefined ? {} : { hint }) } });
    return 1;
  }
}

/** An archive that is not sound is the client's; the hints for images do not fit. */
function toClientError(error: SiloError): Pick<SiloError, 'kind' | 'code' | 'message' | 'hint'> {
  return error.kind === 'corrupt'
    ? { kind: 'invalid', code: error.code, message: error.message, hint: undefined }
    : error;
}

function reply(message: HelperReply): void {
  writeSync(replyFd, `${JSON.stringify(message)}\n`);
}

async function serve(request: HelperRequest): Promise<void> {
  const { action } = request;
  dieWithParent();
  if (process.ppid !== request.parentPid) throw canceled('the engine that started the helper is gone');
  forbidNewPrivileges();
  process.umask(0);
  const reopener = createReopener();
  const { root, jail } = openContainer(request);
  const target = action.op === 'seed' ? openat(AT_FDCWD, action.into, O_PATH | O_DIRECTORY) : undefined;
  const owner = action.op === 'write' && action.asUser !== '' ? findOwner(root, action.asUser) : undefined;
  chrootInto(jail);
  switch (action.op) {
    case 'stat':
      return sendStat(root, action.path);
    case 'read':
      return read(root, reopener, action);
    case 'seed':
      return seed(root, reopener, { path: action.path, target: rootAt(target ?? -1) });
    case 'write':
      return await write(root, action, owner);
  }
}

/** The container's files, and an empty folder to be our own root. */
function openContainer({ root, emptyDirectory }: HelperRequest): { root: Root; jail: string } {
  if (root.kind === 'running') return { root: rootAt(rootFd), jail: emptyDirectory };
  const opened = mountPrivately(root, emptyDirectory);
  const jail = `${emptyDirectory}/empty`;
  mkdirSync(jail, { mode: 0o500 });
  return { root: opened, jail };
}

const userFileLimitBytes = 4 << 20;

/** By the container's own files, read bounded. */
function findOwner(root: Root, user: string): { uid: number; gid: number } {
  const file = (path: string): string | undefined => {
    try {
      return root.readFile(path, userFileLimitBytes).toString('utf8');
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  };
  const passwd = file('/etc/passwd');
  const group = file('/etc/group');
  const { uid, gid } = resolveUser(user, { ...(passwd ? { passwd } : {}), ...(group ? { group } : {}) });
  return { uid, gid };
}

const toBytes = (path: string): string => Buffer.from(path).toString('latin1');

/** Opens what is asked for, and tells its status. The descriptor is the caller's. */
function openAndStat(root: Root, path: string): number {
  let place: number;
  try {
    place = openPlace(root, toBytes(path));
  } catch (error) {
    throw pathError(error, path);
  }
  const status = statDescriptor(place);
  const linkTarget = isSymlink(status) ? findPlace(root, toBytes(path)) : '';
  reply({
    type: 'stat',
    stat: {
      sizeBytes: status.sizeBytes,
      mode: status.mode,
      modifiedAtNs: String(status.mtimeNs),
      linkTarget: Buffer.from(linkTarget, 'latin1').toString(),
    },
  });
  return place;
}

function sendStat(root: Root, path: string): void {
  closeDescriptor(openAndStat(root, path));
}

function read(root: Root, reopener: Reopener, { path, name }: HelperAction & { op: 'read' }): void {
  setNonBlocking(1, 'blocking');
  const place = openAndStat(root, path);
  for (const bytes of packTree({ place, name: toBytes(name), reopener, unreadable: 'skip' }))
    for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
}

/** What is no directory, or not there, is no content. */
function seed(root: Root, reopener: Reopener, { path, target }: { path: string; target: Root }): void {
  let place: number;
  try {
    place = openPlace(root, findPlace(root, toBytes(path)));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return;
    throw error;
  }
  if (!isDirectory(statDescriptor(place))) return;
  using extractor = createExtractor({ root: target, destination: '', keepKinds: false });
  const reader = createTarReader(extractor, defaultTarLimits);
  for (const bytes of packTree({ place, name: '_data', reopener, unreadable: 'fail' })) reader.push(bytes);
  reader.finish();
  extractor.finish();
}

async function write(
  root: Root,
  action: HelperAction & { op: 'write' },
  owner: { uid: number; gid: number } | undefined,
): Promise<void> {
  setNonBlocking(0, 'blocking');
  const destination = findPlace(root, toBytes(action.path));
  using extractor = openExtractor(root, { ...action, destination, owner });
  const reader = createTarReader(extractor, defaultTarLimits);
  let isPlain = false;
  // What comes out of an archive is bounded by the disk that it goes to; here it only passes through.
  const limits = { maxBytes: Infinity, maxRatio: Infinity, ratioFloorBytes: Infinity };
  const input = readStandardInput(() => isPlain);
  for await (const chunk of decompress(input, {
    limits,
    onDetected: (compression) => {
      isPlain = compression === 'none';
    },
  }))
    reader.push(chunk);
  reader.finish();
  extractor.finish();
}

function openExtractor(
  root: Root,
  request: HelperAction & {
    op: 'write';
    destination: string;
    owner: { uid: number; gid: number } | undefined;
  },
): ReturnType<typeof createExtractor> {
  const { destination, keepKinds, owner } = request;
  try {
    const extractor = createExtractor({ root, destination, keepKinds, owner });
    refuseReadOnly(destination, request);
    return extractor;
  } catch (error) {
    if (isErrno(error, 'ENOTDIR'))
      throw new SiloError('invalid', 'extraction point is not a directory', { code: 'not-a-directory' });
    throw pathError(error, request.path);
  }
}

/** Docker's words; the kernel would refuse too. */
function refuseReadOnly(
  destination: string,
  { mounts, readOnlyRoot }: Pick<HelperAction & { op: 'write' }, 'mounts' | 'readOnlyRoot'>,
): void {
  const isAt = (mount: string): boolean => destination === mount || destination.startsWith(`${mount}/`);
  const [deepest] = mounts
    .filter((mount) => isAt(toBytes(mount.destination)))
    .toSorted((a, b) => b.destination.length - a.destination.length);
  if (deepest?.readOnly) throw forbidden('mounted volume is marked read-only', { code: 'read-only' });
  if (!deepest && readOnlyRoot)
    throw forbidden('container rootfs is marked read-only', {
      code: 'read-only',
      hint: 'copy into a volume, or run the container without --read-only',
    });
}

function pathError(error: unknown, path: string): unknown {
  if (isErrno(error, 'ENOENT'))
    return new SiloError('not-found', `${path} does not exist`, { code: missingPathCode });
  if (isErrno(error, 'ENOTDIR')) return new SiloError('invalid', `lstat ${path}: not a directory`);
  if (isErrno(error, 'ELOOP'))
    return new SiloError('invalid', `lstat ${path}: too many levels of symbolic links`);
  if (isErrno(error, 'ENAMETOOLONG', 'EINVAL')) return new SiloError('invalid', `lstat ${path}: bad path`);
  return error;
}
