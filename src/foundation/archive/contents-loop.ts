import type * as FileSystem from 'node:fs';

/*
 * What a contents thread and the thread that feeds it share: a block of words, a ring of jobs, and the bytes to write. `contents-thread.ts` is the other side.
 */

/** Words, by their place: jobs posted and done (they wrap), the number for which the feeder sleeps, an error's number and the job that met it, 1 when it listens. */
export const word = { posted: 0, done: 1, awaited: 2, failure: 3, failedJob: 4, listens: 5 } as const;
export const controlBytes = 64;
/** A power of two. It bounds the descriptors that wait, too. */
export const jobCount = 256;
/** Numbers of a job: descriptor, kind, and what the kind needs. */
export const jobFields = 8;
export const jobsBytes = jobCount * jobFields * 8;

/** Kinds of jobs. `write`: offset in the shared memory, length, position in the file or -1. `end`: length to give it or -1, owner or -1, group, mode, times in seconds; closes. */
export const jobKind = { write: 0, end: 1, leave: 2 } as const;

/**
 * The thread: does jobs in their order until it is told to leave. After a failure it only closes. Should it end otherwise, it says of all jobs that they are done, and that it
 * failed: nobody waits for it. It goes to the thread as text (in a jail there is no file to load), so it refers to nothing
 * outside of itself.
 */
export function serveContents(shared: SharedArrayBuffer, fs: typeof FileSystem): void {
  const [posted, done, awaited, failure, failedJob, listens] = [0, 1, 2, 3, 4, 5];
  const fields = 8;
  const ring = 256;
  const control = new Int32Array(shared, 0, 16);
  const jobs = new Float64Array(shared, 64, ring * fields);
  const bytes = new Uint8Array(shared);
  const field = (at: number): number => jobs[at] ?? 0;

  const write = (at: number): void => {
    const fd = field(at);
    const end = field(at + 2) + field(at + 3);
    const shift = field(at + 4) - field(at + 2);
    const isAppending = field(at + 4) < 0;
    for (let from = field(at + 2); from < end;)
      from += fs.writeSync(fd, bytes, from, end - from, isAppending ? null : from + shift);
  };
  const finish = (at: number): void => {
    const fd = field(at);
    const [size, uid, gid, mode] = [field(at + 2), field(at + 3), field(at + 4), field(at + 5)];
    if (size >= 0) fs.ftruncateSync(fd, size);
    const status = fs.fstatSync(fd);
    const isTheirs = uid < 0 || (status.uid === uid && status.gid === gid);
    // Owner first: changing it clears set-id bits.
    if (!isTheirs) fs.fchownSync(fd, uid, gid);
    if (!isTheirs || (status.mode & 0o7777) !== mode) fs.fchmodSync(fd, mode);
    fs.futimesSync(fd, field(at + 6), field(at + 7));
  };

  /** The first failure counts. */
  const fail = (job: number, errno: number): void => {
    if (Atomics.load(control, failure) !== 0) return;
    Atomics.store(control, failedJob, job);
    Atomics.store(control, failure, errno);
  };
  // EIO for what has no number.
  const eio = 5;
  const attempt = (job: number, work: (at: number) => void): void => {
    try {
      work((job & (ring - 1)) * fields);
    } catch (error) {
      const { errno } = error as { errno?: unknown };
      fail(job, typeof errno === 'number' && errno !== 0 ? Math.abs(errno) : eio);
    }
  };

  let next = 0;
  let isToldToLeave = false;
  try {
    Atomics.store(control, listens, 1);
    for (; ; next = (next + 1) | 0) {
      while (Atomics.load(control, posted) === next) Atomics.wait(control, posted, next);
      const kind = field((next & (ring - 1)) * fields + 1);
      isToldToLeave = kind === 2;
      if (isToldToLeave) return;
      if (Atomics.load(control, failure) === 0) attempt(next, kind === 0 ? write : finish);
      // Network file systems tell here what they could not write.
      if (kind === 1) attempt(next, (at) => fs.closeSync(field(at)));
      const count = (next + 1) | 0;
      Atomics.store(control, done, count);
      if (Atomics.load(control, awaited) === count) Atomics.notify(control, done);
    }
  } finally {
    if (!isToldToLeave) {
      fail(next, eio);
      // Beyond all that was posted.
      Atomics.store(control, done, (next + (1 << 30)) | 0);
      Atomics.notify(control, done);
    }
  }
}
