import type { Readable } from 'node:stream';
import { type SiloError, corrupt, toSiloError } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import { type Digest, digestAlgorithm } from '../../foundation/oci/digest.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import type { RegistryClient } from './distribution.ts';
import { type Progress, createProgress, readGrowingFile } from './growing-file.ts';
import { type RetryPolicy, backOffMs, pause } from './retry.ts';

/** The part of the content store that a download needs. */
export interface BlobSink {
  find(digest: Digest): Promise<StoredBlob | undefined>;
  ingest(ref: string, options: { algorithm: 'sha256' | 'sha512' }): Promise<BlobIngest>;
}

export interface StoredBlob {
  digest: Digest;
  sizeBytes: number;
  path: string;
}

export interface BlobIngest extends AsyncDisposable {
  readonly offset: number;
  readonly path: string;
  write(chunk: Uint8Array): Promise<void>;
  truncate(): Promise<void>;
  commit(expected: { digest: Digest; sizeBytes: number }): Promise<StoredBlob>;
}

export interface FetchBlob {
  client: Pick<RegistryClient, 'blob'>;
  reference: Reference;
  descriptor: Descriptor;
  content: BlobSink;
  /** Bytes that are here, of `descriptor.size`; called with every chunk. */
  onProgress?: ((bytes: number) => void) | undefined;
  signal?: AbortSignal | undefined;
  retry?: RetryPolicy;
}

export interface BlobFetch {
  /** The blob in the store, with size and digest compared. */
  readonly done: Promise<StoredBlob>;
  /**
   * The bytes from the first one on, while they arrive: what a broken download left before is there at once. Follows at the consumer's
   * own pace, through the page cache. Ends cleanly only when `done` has resolved, so a stream that ended was the right blob; fails
   * as `done` does. It fails with code `blob-restarted` when what came so far proves wrong and the download begins again elsewhere: call
   * `stream` once more, or await `done` and read the store.
   */
  stream(): Promise<Readable>;
  /**
   * Tells that the bytes so far make no sense. When they may be at fault (an earlier run left them, or a mirror gave them) the download begins
   * again, and the answer is true: call `stream` once more. Otherwise the blob itself is bad.
   */
  startOver(): boolean;
}

/** An outage of a quarter of a minute is waited for; after a longer one the next pull goes on. */
const resumption: RetryPolicy = { attempts: 7, baseMs: 250, maximumWaitMs: 30_000 };
const writeBytes = 512 * 1024;
/** Less than this between two breaks counts as no progress, or a server could keep us busy for ever. */
const progressBytes = 1024 * 1024;
/** So many mirrors may give wrong bytes of one blob. */
const maximumRestarts = 8;

/**
 * Brings one blob into the content store, resuming what an earlier download (of this run or another) left. Starts at once. After a failure
 * or a cancellation the partial file stays for the next time.
 */
export function fetchBlob(options: FetchBlob): BlobFetch {
  const state = createState();
  const done = run(options, state).then(
    (stored) => {
      state.settled = true;
      // Somebody may have told us to start over when all was there.
      state.source.resolve(stored.path);
      state.progress.finish(stored.sizeBytes);
      return stored;
    },
    (error: unknown) => {
      const wrapped = toSiloError(error);
      state.settled = true;
      state.source.reject(wrapped);
      state.progress.fail(wrapped);
      throw wrapped;
    },
  );
  done.catch(() => undefined);
  return {
    done,
    async stream() {
      const path = await state.source.promise;
      const { progress } = state;
      try {
        return await readGrowingFile(path, progress);
      } catch {
        // Renamed by the commit a moment ago.
        return readGrowingFile((await done).path, progress);
      }
    },
    startOver() {
      const stop = state.doubtful && !state.settled ? state.stop : undefined;
      if (stop === undefined) return false;
      renew(options.descriptor, state);
      stop.abort();
      return true;
    },
  };
}

interface FetchState {
  /** Path of the file that grows; settles once it is open. */
  source: PromiseWithResolvers<string>;
  /** Of the present beginning; exchanged when the download starts over. */
  progress: Progress;
  /** What came so far may be wrong although the blob is right. */
  doubtful: boolean;
  /** Mirrors that gave some of it. */
  distrust: Set<() => void>;
  /** Ends the present beginning. */
  stop: AbortController | undefined;
  settled: boolean;
}

function createState(): FetchState {
  const source = Promise.withResolvers<string>();
  source.promise.catch(() => undefined);
  return {
    source,
    progress: createProgress(),
    doubtful: false,
    distrust: new Set(),
    stop: undefined,
    settled: false,
  };
}

/** From now on `stream` is about the next beginning; those who read the present one hear of it. */
function renew(descriptor: Descriptor, state: FetchState): void {
  const { progress } = state;
  for (const distrust of state.distrust) distrust();
  Object.assign(state, createState());
  progress.fail(
    corrupt(`what came of ${descriptor.digest} was damaged; the download begins again`, {
      code: 'blob-restarted',
    }),
  );
}

async function run(options: FetchBlob, state: FetchState): Promise<StoredBlob> {
  const { descriptor, content } = options;
  const existing = await content.find(descriptor.digest);
  if (existing?.sizeBytes === descriptor.size) {
    options.onProgress?.(existing.sizeBytes);
    state.source.resolve(existing.path);
    return existing;
  }
  for (let restarts = 0; ; restarts++) {
    const outcome = await download(options, state);
    if ('stored' in outcome) return outcome.stored;
    // The bytes of an earlier run were damaged (a power cut leaves holes), or a mirror lied: once more, from the beginning.
    if (restarts === maximumRestarts) throw outcome.damaged;
    if (!outcome.renewed) renew(descriptor, state);
  }
}

type Outcome = { stored: StoredBlob } | { damaged: SiloError; renewed: boolean };

async function download(options: FetchBlob, state: FetchState): Promise<Outcome> {
  const { descriptor, content } = options;
  await using ingest = await content.ingest(`blob ${descriptor.digest}`, {
    algorithm: digestAlgorithm(descriptor.digest),
  });
  if (ingest.offset > descriptor.size) await ingest.truncate();
  const resumedFrom = ingest.offset;
  const { progress } = state;
  const stop = new AbortController();
  state.stop = stop;
  state.doubtful ||= resumedFrom > 0;
  state.source.resolve(ingest.path);
  progress.advance(resumedFrom);
  options.onProgress?.(resumedFrom);
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  try {
    await transfer({ ...options, signal }, ingest, { state, progress });
  } catch (error) {
    if (!stop.signal.aborted || options.signal?.aborted) throw error;
    await ingest.truncate();
    return { damaged: toSiloError(error), renewed: true };
  }
  faultPoint('distribution.fetch.before-commit');
  try {
    return { stored: await ingest.commit({ digest: descriptor.digest, sizeBytes: descriptor.size }) };
  } catch (error) {
    const failure = toSiloError(error);
    const renewed = stop.signal.aborted;
    if (failure.kind === 'corrupt' && (renewed || state.doubtful)) return { damaged: failure, renewed };
    throw failure;
  }
}

/** Connects as often as it takes to get all bytes, as long as each connection brings some. */
async function transfer(
  options: FetchBlob,
  ingest: BlobIngest,
  { state, progress }: { state: FetchState; progress: Progress },
): Promise<void> {
  const { client, reference, descriptor, signal } = options;
  const retry = options.retry ?? resumption;
  const begun = ingest.offset;
  let failures = 0;
  while (ingest.offset < descriptor.size) {
    const before = ingest.offset;
    try {
      const { startsAt, body, distrust } = await client.blob(reference, descriptor, {
        offset: before,
        ...(signal ? { signal } : {}),
      });
      if (distrust) {
        state.doubtful = true;
        state.distrust.add(distrust);
      }
      // A server that ignores ranges sends again what is here already; the end's digest covers both.
      await append({ body, skip: before - startsAt, ingest, progress, onProgress: options.onProgress });
    } catch (error) {
      const failure = toSiloError(error);
      // There is another place, which is asked at once.
      if (failure.code === 'mirror-failed' && !signal?.aborted) continue;
      if (!isResumable(failure, ingest.offset > begun)) throw failure;
      failures = ingest.offset - before >= progressBytes ? 1 : failures + 1;
      if (failures >= retry.attempts) throw failure;
      await pause(backOffMs(failures, retry), signal);
    }
  }
}

/**
 * A refused connection is that of a registry which restarts, since it has just named the blob. What takes long to fail, or may be a wrong address of a
 * redirect, counts only once this run has got something.
 */
function isResumable(error: SiloError, receiving: boolean): boolean {
  if (['connection-lost', 'connection-stalled', 'connection-refused'].includes(error.code)) return true;
  return receiving && (error.code === 'no-answer' || error.code === 'no-such-host');
}

interface Append {
  body: AsyncIterable<Uint8Array>;
  skip: number;
  ingest: BlobIngest;
  progress: Progress;
  onProgress: ((bytes: number) => void) | undefined;
}

/** Gathers chunks to large writes, and receives the next ones while the last are being written. */
async function append({ body, skip, ingest, progress, onProgress }: Append): Promise<void> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  let writing: Promise<void> = Promise.resolve();
  let received = ingest.offset;
  const flush = async (): Promise<void> => {
    const [first, ...others] = gathered;
    gathered = [];
    size = 0;
    await writing;
    progress.advance(ingest.offset);
    if (first === undefined) return;
    writing = ingest.write(others.length === 0 ? first : Buffer.concat([first, ...others]));
    writing.catch(() => undefined);
  };
  try {
    let toSkip = skip;
    for await (const whole of body) {
      const chunk = toSkip > 0 ? whole.subarray(toSkip) : whole;
      toSkip -= whole.byteLength - chunk.byteLength;
      if (chunk.byteLength === 0) continue;
      gathered.push(chunk);
      size += chunk.byteLength;
      received += chunk.byteLength;
      onProgress?.(received);
      if (size >= writeBytes) await flush();
    }
  } finally {
    // Also what came before a break is kept.
    await flush();
    await flush();
  }
}
