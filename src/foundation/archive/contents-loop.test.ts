import { expect, test } from 'bun:test';
import type * as FileSystem from 'node:fs';
import {
  controlBytes,
  jobCount,
  jobFields,
  jobKind,
  jobsBytes,
  serveContents,
  word,
} from './contents-loop.ts';

/** As if these jobs were posted: each is the kind alone, of a descriptor that does not matter. */
function post(...kinds: readonly number[]): { shared: SharedArrayBuffer; control: Int32Array } {
  const shared = new SharedArrayBuffer(controlBytes + jobsBytes);
  const control = new Int32Array(shared, 0, controlBytes / 4);
  const jobs = new Float64Array(shared, controlBytes, jobCount * jobFields);
  kinds.forEach((kind, index) => jobs.set([-1, kind], index * jobFields));
  Atomics.store(control, word.posted, kinds.length);
  return { shared, control };
}

/** Does nothing but what it is given to close with. */
function closingBy(closeSync: () => void): typeof FileSystem {
  const nothing = (): void => undefined;
  const fstatSync = (): unknown => ({ uid: 0, gid: 0, mode: 0 });
  const calls = { ftruncateSync: nothing, fchmodSync: nothing, fchownSync: nothing, futimesSync: nothing };
  return { ...calls, fstatSync, closeSync } as unknown as typeof FileSystem;
}

test('a failure to close a file is told as any other, and the jobs behind it are done', () => {
  let closed = 0;
  const { shared, control } = post(jobKind.end, jobKind.end, jobKind.leave);
  const close = (): void => {
    if (closed++ === 0) throw Object.assign(new Error('disk quota exceeded'), { errno: -122 });
  };
  serveContents(shared, closingBy(close));
  expect([closed, control[word.done], control[word.failure], control[word.failedJob]]).toEqual([
    2, 2, 122, 0,
  ]);
});

test('a thread that ends before it is told to says that all is done and has failed', () => {
  const { shared, control } = post(jobKind.end, jobKind.end, jobKind.leave);
  const close = (): void => {
    throw Object.defineProperty(new Error('nothing'), 'errno', {
      get: () => {
        throw new Error('what nobody expects');
      },
    });
  };
  expect(() => serveContents(shared, closingBy(close))).toThrow('what nobody expects');
  expect(control[word.failure]).toBe(5);
  expect(control[word.done]).toBeGreaterThan(jobCount);
});
