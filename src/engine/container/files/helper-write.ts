import { type ContentsThread, createContentsThread } from '../../../foundation/archive/contents-thread.ts';
import { decompress } from '../../../foundation/archive/compression.ts';
import { expandRare } from '../../../foundation/archive/rare-compression.ts';
import { createExtractor } from '../../../foundation/archive/rooted/extract.ts';
import { findPlace } from '../../../foundation/archive/rooted/place.ts';
import { readStandardInput } from '../../../foundation/archive/standard-input.ts';
import { defaultTarLimits } from '../../../foundation/archive/tar-limits.ts';
import { createTarReader } from '../../../foundation/archive/tar-reader.ts';
import { forbidden, SiloError } from '../../../foundation/base/errors.ts';
import { setNonBlocking } from '../../../foundation/kernel/io.ts';
import type { IdMappings } from '../../../foundation/kernel/id-mapping.ts';
import type { Root } from '../../../foundation/kernel/rooted.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import { resolveUser } from '../../../resources/spec/users.ts';
import { pathError, toBytes } from './helper-place.ts';
import type { HelperAction } from './protocol.ts';

type Write = HelperAction & { op: 'write' } & { ids: IdMappings | undefined };
interface Owner {
  uid: number;
  gid: number;
}

/** Unpacks standard input at the path. */
export function prepareWrite(root: Root, action: Write): () => Promise<void> {
  const owner = action.asUser === '' ? undefined : findOwner(root, action.asUser);
  return () => write(root, action, owner);
}

const userFileLimitBytes = 4 << 20;

/** By the container's own files, read bounded. */
function findOwner(root: Root, user: string): Owner {
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

async function write(root: Root, action: Write, owner: Owner | undefined): Promise<void> {
  setNonBlocking(0, 'blocking');
  const destination = findPlace(root, toBytes(action.path));
  using contents = createContentsThread();
  using extractor = openExtractor(root, { ...action, destination, owner, contents });
  const reader = createTarReader(extractor, defaultTarLimits);
  let isPlain = false;
  // What comes out of an archive is bounded by the disk that it goes to; here it only passes through.
  const limits = { maxBytes: Infinity, maxRatio: Infinity, ratioFloorBytes: Infinity };
  const input = readStandardInput(
    () => isPlain,
    () => contents.nextPiece(),
  );
  for await (const chunk of decompress(input, {
    limits,
    expandRare,
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
  request: Write & { destination: string; owner: Owner | undefined; contents: ContentsThread },
): ReturnType<typeof createExtractor> {
  const { destination, keepKinds, owner, ids, contents } = request;
  try {
    const extractor = createExtractor({ root, destination, keepKinds, owner, ids, contents });
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
  { mounts, readOnlyRoot }: Pick<Write, 'mounts' | 'readOnlyRoot'>,
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
