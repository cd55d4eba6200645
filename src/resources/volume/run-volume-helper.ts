import { closeSync, fchmodSync, fchownSync, mkdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { decompress } from '../../foundation/archive/compression.ts';
import { cloneTree } from '../../foundation/archive/rooted/clone.ts';
import { createExtractor } from '../../foundation/archive/rooted/extract.ts';
import { packTree } from '../../foundation/archive/rooted/pack.ts';
import { readStandardInput } from '../../foundation/archive/standard-input.ts';
import type { TarEntry } from '../../foundation/archive/tar-entry.ts';
import { defaultTarLimits } from '../../foundation/archive/tar-limits.ts';
import { createTarReader } from '../../foundation/archive/tar-reader.ts';
import { isAllowedXattr } from '../../foundation/archive/xattr-policy.ts';
import { archiveErrorToJson } from '../../foundation/base/error-json.ts';
import { canceled, SiloError } from '../../foundation/base/errors.ts';
import { futimens, openat } from '../../foundation/kernel/at.ts';
import { chrootInto, dieWithParent, forbidNewPrivileges } from '../../foundation/kernel/confine.ts';
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from '../../foundation/kernel/flags.ts';
import { setNonBlocking } from '../../foundation/kernel/io.ts';
import { createReopener } from '../../foundation/kernel/reopen.ts';
import { rootAt } from '../../foundation/kernel/rooted.ts';
import { setXattr } from '../../foundation/kernel/xattr.ts';
import { settleContent, settleLeftovers, stageContent } from './first-content.ts';
import { mountVolume } from './mount-volume.ts';
import type { VolumeJob } from './volume-process.ts';

/*
 * The helper for volumes: one job, then it ends. The job comes on descriptor 3; `volume-process.ts` starts it.
 */

const jobFd = 3;

/** Main function of the helper: `argv` is the parent's process id. Resolves with the exit code; a failure goes to standard error as JSON. */
export async function runVolumeHelper(argv: readonly string[]): Promise<number> {
  try {
    dieWithParent();
    if (process.ppid !== Number(argv[0])) throw canceled('the engine that started the helper is gone');
    process.umask(0);
    await serve(JSON.parse(readFileSync(jobFd, 'utf8')) as VolumeJob);
    return 0;
  } catch (thrown) {
    writeSync(2, JSON.stringify(archiveErrorToJson(thrown)));
    return 1;
  }
}

async function serve(job: VolumeJob): Promise<void> {
  switch (job.op) {
    case 'mount':
      mountVolume(job.call, job.target);
      return settleLeftovers(job.target, job.staged);
    case 'stage':
      return stageContent(job.directory, job.staged);
    case 'settle':
      return await settleContent(job.directory, job.staged, job.keep);
    case 'export':
      return exportTree(job.directory);
    case 'import':
      return await importTree(job.directory);
    case 'clone':
      return cloneInto(job.from, job.directory);
  }
}

/** What a volume keeps beside what image layers do: access control lists. */
const keepsXattr = (name: string): boolean =>
  isAllowedXattr(name) || name === 'system.posix_acl_access' || name === 'system.posix_acl_default';

function exportTree(directory: string): void {
  forbidNewPrivileges();
  setNonBlocking(1, 'blocking');
  const place = openat(AT_FDCWD, directory, O_PATH | O_DIRECTORY);
  const reopener = createReopener();
  const pieces = packTree({
    place,
    name: '.',
    reopener,
    unreadable: 'fail',
    keepsXattr,
    exactTimes: true,
    keepsHoles: true,
  });
  for (const bytes of pieces) for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
}

async function importTree(directory: string): Promise<void> {
  forbidNewPrivileges();
  setNonBlocking(0, 'blocking');
  mkdirSync(join(directory, '_data'), { mode: 0o755 });
  const top = openat(AT_FDCWD, join(directory, '_data'), O_RDONLY | O_DIRECTORY);
  const root = rootAt(openat(AT_FDCWD, join(directory, '_data'), O_PATH | O_DIRECTORY | O_NOFOLLOW));
  chrootInto(directory);
  let ofTop: TarEntry | undefined;
  using extractor = createExtractor({
    root,
    destination: '',
    shownAs: '/',
    keepKinds: false,
    keepsXattr,
    zerosAsHoles: true,
  });
  const reader = createTarReader(
    {
      ...extractor,
      entry(entry) {
        if (entry.type === 'directory' && /^[./]*$/.test(entry.name) && !entry.name.includes('..'))
          ofTop = entry;
        extractor.entry(entry);
      },
    },
    defaultTarLimits,
  );
  let isPlain = false;
  let isEmpty = true;
  const input = readStandardInput(() => isPlain);
  // A volume of zeros compresses without bound; what comes out is bounded by the disk, and a failure leaves nothing.
  const limits = { maxBytes: defaultTarLimits.maxTarBytes, maxRatio: Infinity, ratioFloorBytes: Infinity };
  for await (const chunk of decompress(input, {
    limits,
    onDetected: (compression) => {
      isPlain = compression === 'none';
    },
  })) {
    isEmpty = false;
    reader.push(chunk);
  }
  if (isEmpty)
    throw new SiloError('invalid', 'the archive is empty', {
      code: 'empty-archive',
      hint: 'send a tar archive, plain or compressed with gzip or zstd',
    });
  reader.finish();
  extractor.finish();
  if (ofTop) dressTop(top, ofTop);
  closeSync(top);
}

/** The volume's own folder, when the archive tells of it. */
function dressTop(fd: number, entry: TarEntry): void {
  fchownSync(fd, entry.uid, entry.gid);
  fchmodSync(fd, entry.mode & 0o7777);
  for (const [name, value] of entry.xattrs ?? [])
    if (keepsXattr(name)) setXattr(fd, Buffer.from(name, 'latin1').toString(), value);
  const mtimeNs = BigInt(entry.mtime.sec) * 1_000_000_000n + BigInt(entry.mtime.nsec);
  futimens(fd, { atimeNs: mtimeNs, mtimeNs });
}

function cloneInto(from: string, directory: string): void {
  forbidNewPrivileges();
  mkdirSync(join(directory, '_data'), { mode: 0o700 });
  const source = openat(AT_FDCWD, from, O_RDONLY | O_DIRECTORY);
  const target = openat(AT_FDCWD, join(directory, '_data'), O_RDONLY | O_DIRECTORY);
  const reopener = createReopener();
  cloneTree({ from: source, to: target, reopener });
}
