import { closeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { Worker } from 'node:worker_threads';
import {
  controlBytes,
  jobCount,
  jobFields,
  jobKind,
  jobsBytes,
  serveContents,
  word,
} from './contents-loop.ts';
import type { TarEntry } from './tar-entry.ts';

/**
 * A second thread that fills files which this one has made: this one reads the archive and makes names, in order; that one writes, gives owner, mode and times, and closes. Nothing that
 * is done to a name is left to it, so the order of the archive holds. For a process that does nothing else: waiting blocks.
 */
export interface ContentsThread extends Disposable {
  /**
   * Memory for the next piece of the archive, good until the next call; undefined as long as the archive is not worth a thread, or the thread is not there yet. Throws what the thread met.
   */
  nextPiece(): Buffer | undefined;
  /** Whether these bytes lie in its memory: only such can be written. */
  holds(bytes: Buffer): boolean;
  /** Writes, later; at the file's end when `position` is undefined. The descriptor must stay open until `end` or `afterwards`. */
  write(fd: number, bytes: Buffer, position: number | undefined, entry: TarEntry): void;
  /** Takes over the descriptor: owner (as it is when undefined), mode and times in whole seconds, once all is written. */
  end(fd: number, ending: FileEnding, entry: TarEntry): void;
  /** Runs in this thread once all of this descriptor is written; for endings that the other one cannot make. Closes it. */
  afterwards(fd: number, entry: TarEntry, work: () => void): void;
  /** Waits until all is done. Throws what the thread met. */
  settle(): void;
  /** Waits until it touches no descriptor; what it met is told later. */
  waitIdle(): void;
}

export interface FileEnding {
  /** Longer than what was written. */
  sizeBytes: number | undefined;
  owner: { uid: number; gid: number } | undefined;
  mode: number;
  atimeSeconds: number;
  mtimeSeconds: number;
}

/** A failure of the other thread, with the file that it is about: not the one that is made now. */
export interface ContentsFailure extends Error {
  code: string;
  entry: TarEntry | undefined;
}

export const failedEntry = (error: unknown): TarEntry | undefined =>
  error instanceof Error && 'entry' in error ? (error as ContentsFailure).entry : undefined;

const pieceBytes = 1 << 18;
const pieceCount = 8;
/** A thread costs as much as some hundred files. */
const piecesBefore = 4;
/** Jobs that are worth a wake-up. */
const jobsPerWake = 4;

interface State {
  readonly memory: SharedArrayBuffer;
  readonly control: Int32Array;
  readonly jobs: Float64Array;
  readonly pieces: Buffer[];
  /** The number of jobs that were posted when a piece was left: it is free when these are done. */
  readonly leftAt: Int32Array;
  readonly entries: (TarEntry | undefined)[];
  readonly later: { after: number; fd: number; entry: TarEntry; work: () => void }[];
  readonly worker: Worker;
  current: number;
  posted: number;
  woken: number;
}

export function createContentsThread(): ContentsThread {
  let state: State | undefined;
  let seen = 0;
  return {
    nextPiece() {
      if (!state && ++seen < piecesBefore) return undefined;
      state ??= start();
      if (Atomics.load(state.control, word.listens) === 0) return undefined;
      return nextPiece(state);
    },
    holds: (bytes) => bytes.buffer === (state?.memory as unknown),
    write(fd, bytes, position, entry) {
      if (state) post(state, entry, [fd, jobKind.write, bytes.byteOffset, bytes.length, position ?? -1]);
    },
    end(fd, { sizeBytes = -1, owner, mode, atimeSeconds, mtimeSeconds }, entry) {
      const { uid, gid } = owner ?? { uid: -1, gid: -1 };
      if (state) post(state, entry, [fd, jobKind.end, sizeBytes, uid, gid, mode, atimeSeconds, mtimeSeconds]);
    },
    afterwards(fd, entry, work) {
      if (!state) return;
      state.later.push({ after: state.posted, fd, entry, work });
      reap(state);
    },
    settle() {
      if (state) settle(state);
    },
    waitIdle() {
      if (state) sleepUntil(state, state.posted);
    },
    [Symbol.dispose]() {
      if (state) leave(state);
      state = undefined;
    },
  };
}

function start(): State {
  const memory = new SharedArrayBuffer(controlBytes + jobsBytes + pieceCount * pieceBytes);
  const first = controlBytes + jobsBytes;
  const program = `(${serveContents.toString()})(require('node:worker_threads').workerData, require('node:fs'));`;
  const worker = new Worker(program, { eval: true, workerData: memory });
  // A thread that does not come is done without; one that listens reports in its words.
  worker.on('error', () => undefined);
  return {
    memory,
    control: new Int32Array(memory, 0, controlBytes / 4),
    jobs: new Float64Array(memory, controlBytes, jobCount * jobFields),
    pieces: Array.from({ length: pieceCount }, (_, index) =>
      Buffer.from(memory as unknown as ArrayBuffer, first + index * pieceBytes, pieceBytes),
    ),
    leftAt: new Int32Array(pieceCount),
    entries: [],
    later: [],
    worker,
    current: 0,
    posted: 0,
    woken: 0,
  };
}

function nextPiece(state: State): Buffer | undefined {
  wake(state);
  state.leftAt[state.current] = state.posted;
  state.current = (state.current + 1) % pieceCount;
  waitUntil(state, state.leftAt[state.current] ?? 0);
  reap(state);
  return state.pieces[state.current];
}

function post(state: State, entry: TarEntry, fields: readonly number[]): void {
  // Its place in the ring must be free; a failure is told before its name is overwritten.
  waitUntil(state, (state.posted + 1 - jobCount) | 0);
  put(state, fields);
  state.entries[(state.posted - 1) & (jobCount - 1)] = entry;
  if (((state.posted - state.woken) | 0) >= jobsPerWake) wake(state);
}

function put(state: State, fields: readonly number[]): void {
  state.jobs.set(fields, (state.posted & (jobCount - 1)) * jobFields);
  state.posted = (state.posted + 1) | 0;
  Atomics.store(state.control, word.posted, state.posted);
}

function wake(state: State): void {
  if (state.woken === state.posted) return;
  state.woken = state.posted;
  Atomics.notify(state.control, word.posted);
}

const isDone = ({ control }: State, count: number): boolean =>
  ((Atomics.load(control, word.done) - count) | 0) >= 0;

/** Until so many jobs are done. Throws what the thread met. */
function waitUntil(state: State, count: number): void {
  const { control } = state;
  sleepUntil(state, count);
  const errno = Atomics.load(control, word.failure);
  if (errno === 0) return;
  const code = getSystemErrorName(-errno);
  const entry = state.entries[Atomics.load(control, word.failedJob) & (jobCount - 1)];
  throw Object.assign(new Error(`${code}: a file could not be written`), { code, entry });
}

function sleepUntil(state: State, count: number): void {
  const { control } = state;
  if (isDone(state, count)) return;
  wake(state);
  Atomics.store(control, word.awaited, count);
  for (;;) {
    const done = Atomics.load(control, word.done);
    if (((done - count) | 0) >= 0) return;
    Atomics.wait(control, word.done, done);
  }
}

/** Whether these jobs are done, and none of them failed. */
function isWhole(state: State, count: number): boolean {
  const { control } = state;
  if (!isDone(state, count)) return false;
  return (
    Atomics.load(control, word.failure) === 0 || ((Atomics.load(control, word.failedJob) - count) | 0) >= 0
  );
}

function reap(state: State): void {
  for (let next = state.later[0]; next && isDone(state, next.after); next = state.later[0]) {
    state.later.shift();
    try {
      if (isWhole(state, next.after)) next.work();
    } catch (error) {
      throw error instanceof Error ? Object.assign(error, { entry: next.entry }) : error;
    } finally {
      closeSync(next.fd);
    }
  }
}

function settle(state: State): void {
  waitUntil(state, state.posted);
  reap(state);
}

function leave(state: State): void {
  if (Atomics.load(state.control, word.listens) === 0) {
    void state.worker.terminate();
    return;
  }
  sleepUntil(state, state.posted);
  // When the archive broke: what is whole is ended all the same. The error that is told is the archive's.
  while (state.later.length > 0) {
    try {
      reap(state);
    } catch {
      // The next one.
    }
  }
  put(state, [-1, jobKind.leave]);
  wake(state);
}
