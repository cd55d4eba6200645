import { hash } from 'node:crypto';
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { canceled, timedOut } from '../../foundation/base/errors.ts';
import { throwIfAborted } from '../../foundation/base/deadline.ts';
import { collect, endOf, helperEnvironment, helperFailure } from '../../foundation/base/helper-process.ts';
import type { MountCall } from './driver-options.ts';

/** One piece of work for the helper for volumes. Paths are of the engine's own folders. */
export type VolumeJob =
  | { op: 'mount'; call: MountCall; target: string; staged: string }
  /** First content: a place for it by this name, and its end. */
  | { op: 'stage'; directory: string; staged: string }
  | { op: 'settle'; directory: string; staged: string; keep: boolean }
  /** The content of the directory on standard output, as an archive. */
  | { op: 'export'; directory: string }
  /** An archive from standard input into a new `_data` in the directory. */
  | { op: 'import'; directory: string }
  /** The content of one directory as a new `_data` in another. */
  | { op: 'clone'; from: string; directory: string };

/** How names begin under which first content of a mounted file system is collected, in its root (`first-content.ts`). */
export const stagedPrefix = '.silo-first-content-';

/** Each volume of each engine has its own: several may mount the same. */
export const stagedName = (owner: string, volume: string): string =>
  stagedPrefix + hash('sha256', `${owner}/${volume}`).slice(0, 16);

export interface VolumeHelper {
  readonly input: Writable | null;
  readonly output: Readable | null;
  /** Rejects with the helper's error, or with kind `canceled`. */
  readonly done: Promise<void>;
}

/** Starts the helper for one job. It ends by itself, with the signal, and with the engine. */
export function startVolumeHelper(
  job: VolumeJob,
  options: { command: readonly string[]; signal?: AbortSignal | undefined; deadlineMs?: number },
): VolumeHelper {
  const { command, signal, deadlineMs } = options;
  throwIfAborted(signal, 'work on a volume');
  const [program = '', ...words] = command;
  const child = spawn(program, [...words, String(process.pid)], {
    stdio: [job.op === 'import' ? 'pipe' : 'ignore', job.op === 'export' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    env: { ...helperEnvironment(), PATH: process.env.PATH ?? '' },
  });
  // Not among the arguments, where everybody can read passwords.
  const request = child.stdio[3] as Writable | null | undefined;
  request?.on('error', () => undefined);
  request?.end(JSON.stringify(job));
  child.stdin?.on('error', () => undefined);
  const done = outcomeOf(child, signal, deadlineMs);
  done.catch(() => undefined);
  return { input: child.stdin, output: child.stdout, done };
}

async function outcomeOf(
  child: ChildProcess,
  signal: AbortSignal | undefined,
  deadlineMs: number | undefined,
): Promise<void> {
  const complaint = collect(child.stderr);
  const abort = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', abort);
  let isLate = false;
  const timer =
    deadlineMs === undefined
      ? undefined
      : setTimeout(() => {
          isLate = true;
          abort();
        }, deadlineMs);
  try {
    const ending = await endOf(child, 'the helper for volumes');
    if (ending === 'exit code 0') return;
    if (signal?.aborted) throw canceled('work on the volume was canceled', { cause: signal.reason });
    if (isLate)
      throw timedOut(`no answer within ${(deadlineMs ?? 0) / 1000} seconds`, { code: 'volume-timeout' });
    throw helperFailure(`the helper for volumes ended with ${ending}`, complaint());
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
