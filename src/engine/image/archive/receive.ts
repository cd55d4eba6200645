import { randomUUID } from 'node:crypto';
import { throwIfAborted } from '../../../foundation/base/deadline.ts';
import { exhausted } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import { decompress } from '../../../foundation/archive/compression.ts';
import type { TarEntry } from '../../../foundation/archive/tar-entry.ts';
import { defaultTarLimits } from '../../../foundation/archive/tar-limits.ts';
import { createTarReader } from '../../../foundation/archive/tar-reader.ts';
import { digestAlgorithm, type Digest, isDigest } from '../../../foundation/oci/digest.ts';
import type { BlobInfo, Ingest } from '../../../resources/content/content.ts';
import type { Context } from '../context.ts';
import { commitHeld, inPieces } from '../compose/ingest-stream.ts';
import type { Lease } from '../lease.ts';
import { type ArchiveContent, type ArchiveIndex, cleanPath, createArchiveIndex } from './archive-content.ts';

/** Images have a few hundred files; each costs a blob and a sync. */
const limits = { ...defaultTarLimits, maxEntries: 20_000 };
const documentLimitBytes = 8 * 1024 * 1024;
/** Files that are brought to the disk side by side. */
const commitsAtOnce = 32;
const documentNames = new Set(['manifest.json', 'index.json', 'oci-layout', 'repositories']);

/**
 * Reads an image archive from a stream, in one pass and without a copy of the whole: the documents at the top are kept in memory, every other file
 * becomes a blob. Layers come before the documents that name them, so a file that proves to be no part of an image is swept later.
 */
export async function receiveArchive(
  context: Context,
  lease: Lease,
  source: AsyncIterable<Uint8Array>,
  options: { signal?: AbortSignal | undefined; onBlob?: (blob: BlobInfo) => void },
): Promise<ArchiveContent> {
  const index = createArchiveIndex();
  await using writer = createBlobWriter(context, lease, { index, onBlob: options.onBlob });
  // The reader is synchronous and the store is not: what it finds in one piece is done while the next one is read.
  let steps: Step[] = [];
  let file: OpenFile | undefined;
  const reader = createTarReader(
    {
      entry(entry) {
        file = openFile(entry, index);
        if (file?.kind === 'blob') steps.push({ do: 'open', file });
      },
      data(bytes) {
        if (file?.kind === 'blob') steps.push({ do: 'write', bytes });
        else if (file?.kind === 'document') keepDocument(file, bytes);
      },
      end() {
        if (file?.kind === 'blob') steps.push({ do: 'close' });
        else if (file?.kind === 'document') index.addDocument(file.path, Buffer.concat(file.chunks));
        file = undefined;
      },
    },
    limits,
  );
  let working: Promise<void> = Promise.resolve();
  try {
    for await (const piece of inPieces(decompress(source))) {
      throwIfAborted(options.signal, 'the load');
      reader.push(piece);
      const batch = steps;
      steps = [];
      await working;
      working = runSteps(writer, batch);
      working.catch(() => undefined);
    }
    reader.finish();
  } catch (error) {
    // What it opens once the writer is gone would stay open.
    await working.catch(() => undefined);
    throw error;
  }
  await working;
  await runSteps(writer, steps);
  await writer.finish();
  faultPoint('image.load.received');
  return index;
}

type OpenFile =
  | { kind: 'blob'; path: string }
  | { kind: 'document'; path: string; chunks: Buffer[]; size: number };

type Step = { do: 'open'; file: { path: string } } | { do: 'write'; bytes: Buffer } | { do: 'close' };

function openFile(entry: TarEntry, index: ArchiveIndex): OpenFile | undefined {
  const path = cleanPath(textOf(entry.name));
  if (entry.type === 'symlink') index.addLink(path, textOf(entry.linkName));
  else if (entry.type === 'hardlink') index.addLink(path, `/${textOf(entry.linkName)}`);
  if (entry.type !== 'file') return undefined;
  if (documentNames.has(path)) return { kind: 'document', path, chunks: [], size: 0 };
  // Docker's archives of old describe each layer a second time, for versions before 1.10.
  if (/\/(?:VERSION|json)$/.test(path)) return undefined;
  return { kind: 'blob', path };
}

function keepDocument(file: Extract<OpenFile, { kind: 'document' }>, bytes: Buffer): void {
  file.size += bytes.length;
  if (file.size > documentLimitBytes)
    throw exhausted(`the archive's ${file.path} is larger than ${documentLimitBytes} bytes`, {
      code: 'archive-limit',
    });
  file.chunks.push(Buffer.from(bytes));
}

function textOf(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

async function runSteps(writer: BlobWriter, steps: readonly Step[]): Promise<void> {
  for (const step of steps)
    if (step.do === 'open') await writer.open(step.file.path);
    else if (step.do === 'write') await writer.write(step.bytes);
    else writer.close();
}

/** One file at a time is written; committing (which syncs to disk) goes on beside the next ones. */
interface BlobWriter extends AsyncDisposable {
  open(path: string): Promise<void>;
  write(bytes: Uint8Array): Promise<void>;
  close(): void;
  /** Resolves once all files are blobs. */
  finish(): Promise<void>;
}

function createBlobWriter(
  context: Context,
  lease: Lease,
  { index, onBlob }: { index: ArchiveIndex; onBlob: ((blob: BlobInfo) => void) | undefined },
): BlobWriter {
  let current: { path: string; ingest: Ingest; expected: Digest | undefined } | undefined;
  const committing = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;

  const commit = async ({ path, ingest, expected }: NonNullable<typeof current>): Promise<void> => {
    await using undo = ingest;
    try {
      const blob = await commitHeld(context, lease, undo, expected && { digest: expected });
      index.addBlob(path, blob.digest);
      onBlob?.(blob);
    } catch (error) {
      await ingest.abort();
      throw error;
    }
  };

  return {
    async open(path) {
      // Each is an open file, and thousands come in one piece.
      while (committing.size >= commitsAtOnce) await Promise.race(committing);
      if (failure) throw failure.error;
      const expected = digestOfPath(path);
      if (expected) await lease.hold(expected);
      const ingest = await context.content.ingest(
        `archive-${randomUUID()}`,
        expected ? { algorithm: digestAlgorithm(expected) } : {},
      );
      current = { path, ingest, expected };
    },
    async write(bytes) {
      await current?.ingest.write(bytes);
    },
    close() {
      if (!current) return;
      const done = commit(current)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => committing.delete(done));
      committing.add(done);
      current = undefined;
    },
    async finish() {
      await Promise.all(committing);
      if (failure) throw failure.error;
    },
    async [Symbol.asyncDispose]() {
      await current?.ingest.abort();
      await Promise.all(committing);
    },
  };
}

/** In the OCI layout a file's name says what its digest must be. OCI image spec, image-layout.md. */
function digestOfPath(path: string): Digest | undefined {
  const [, algorithm, hex] = /^blobs\/([a-z0-9]+)\/([0-9a-f]+)$/.exec(path) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : undefined;
}
