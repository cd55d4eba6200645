import { writeSync } from 'node:fs';
import { type ErrorJson, errorToJson } from '../base/error-json.ts';
import { canceled, corrupt } from '../base/errors.ts';
import { createHasher } from '../base/hash.ts';
import { chrootInto, dieWithParent, forbidNewPrivileges } from '../kernel/confine.ts';
import { forbidDangerousCalls } from '../kernel/forbid-calls.ts';
import { setNonBlocking } from '../kernel/io.ts';
import { digestAlgorithm, type DiffId, type Digest } from '../oci/digest.ts';
import { createLayerApplier } from './apply.ts';
import { type Compression, decompress, defaultExpansionLimits, type ExpansionLimits } from './compression.ts';
import { readStandardInput } from './standard-input.ts';
import { defaultTarLimits, type TarLimits } from './tar-limits.ts';
import { createTarReader } from './tar-reader.ts';

/*
 * The unpacker process. It reads one layer from standard input, fills one folder, writes one JSON line to standard output and
 * ends. A bug in decompression or a bomb costs this process, not the engine.
 */

/** What the engine tells the unpacker: the folder, and this as JSON. */
export interface UnpackOptions {
  expectedDiffId?: DiffId;
  tarLimits?: Partial<TarLimits>;
  expansionLimits?: Partial<ExpansionLimits>;
  /** The process without which there is no use in going on. */
  parentPid?: number;
}

export interface UnpackResult {
  diffId: DiffId;
  /** Sum of the sizes of regular files. */
  sizeBytes: number;
  entries: number;
  /** Of the users and groups that own its files. */
  highestId: number;
  /** sha256 and length of the bytes as they came in. */
  compressedDigest: Digest;
  compressedBytes: number;
}

/** The line that the unpacker writes. */
export type UnpackReport = { ok: true; result: UnpackResult } | { ok: false; error: ErrorJson };

/** Main function of the unpacker: `argv` is the folder and the options as JSON. Resolves with the exit code. */
export async function runUnpack(argv: readonly string[]): Promise<number> {
  const report = await unpack(argv).then(
    (result): UnpackReport => ({ ok: true, result }),
    (thrown: unknown): UnpackReport => ({ ok: false, error: errorToJson(thrown) }),
  );
  writeSync(1, `${JSON.stringify(report)}\n`);
  return report.ok ? 0 : 1;
}

async function unpack(argv: readonly string[]): Promise<UnpackResult> {
  const [target = '', json = '{}'] = argv;
  const options = JSON.parse(json) as UnpackOptions;
  confine(target, options.parentPid);
  let compression: Compression | undefined;
  const input = readStandardInput(() => compression === 'none');
  return applyStream(input, '/', options, (found) => {
    compression = found;
  });
}

/** Before the first byte of the archive is read. */
function confine(target: string, parentPid: number | undefined): void {
  dieWithParent();
  if (parentPid !== undefined && process.ppid !== parentPid)
    throw canceled('the engine that started the unpacker is gone');
  forbidNewPrivileges();
  process.umask(0);
  setNonBlocking(0, 'blocking');
  chrootInto(target);
  forbidDangerousCalls();
}

/** Applies a layer in one pass and tells its digests. `rootPath` is the empty folder as this process names it. */
export async function applyStream(
  source: AsyncIterable<Uint8Array>,
  rootPath: string,
  options: UnpackOptions,
  onDetected?: (compression: Compression) => void,
): Promise<UnpackResult> {
  const limits = { ...defaultTarLimits, ...options.tarLimits };
  const { expectedDiffId } = options;
  const algorithm = expectedDiffId ? digestAlgorithm(expectedDiffId) : 'sha256';
  const plainHash = createHasher(algorithm);
  const inputHash = createHasher('sha256');
  let compressedBytes = 0;
  let compression: Compression | undefined;
  // The bytes that are not compressed need not be hashed twice.
  const sharesHash = (): boolean => compression === 'none' && algorithm === 'sha256';
  using applier = createLayerApplier(rootPath, limits);
  const reader = createTarReader(applier, limits);
  const plain = decompress(source, {
    limits: { ...defaultExpansionLimits, ...options.expansionLimits },
    onInput(chunk) {
      compressedBytes += chunk.length;
      if (!sharesHash()) inputHash.update(chunk);
    },
    onDetected: (found) => {
      compression = found;
      onDetected?.(found);
    },
  });
  for await (const chunk of plain) {
    plainHash.update(chunk);
    reader.push(chunk);
  }
  reader.finish();
  const diffId = `${algorithm}:${plainHash.digest('hex')}` as DiffId;
  if (expectedDiffId !== undefined && diffId !== expectedDiffId)
    throw corrupt(
      `layer is ${diffId} when decompressed, but the image's configuration says ${expectedDiffId}`,
      {
        code: 'diff-id-mismatch',
        hint: 'the image is damaged or was tampered with; fetch it again from a source that you trust',
      },
    );
  const applied = applier.finish();
  const compressedDigest = sharesHash() ? diffId : (`sha256:${inputHash.digest('hex')}` as Digest);
  return { diffId, ...applied, compressedDigest, compressedBytes };
}
