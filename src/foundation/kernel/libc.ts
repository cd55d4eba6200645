import type * as Koffi from 'koffi';
import { SyscallError, type Errno } from './syscall-error.ts';

/*
 * The only door to libc. Nothing here runs at import: the native module (about 4 ms) is loaded by the first call, each
 * function is declared when it is first used. Internal to this folder.
 *
 * Rules for callers: `lastErrno` in the same tick, right after the call; memory given to an asynchronous call is held by
 * the caller until it ends and comes from `stableBytes`; every descriptor is opened close-on-exec.
 */

type Native = typeof Koffi;
type LibraryFunction = { (...args: unknown[]): unknown; async(...args: unknown[]): void };

let native: Native | undefined;
let library: Koffi.LibraryHandle | undefined;

/** Literal paths, so that `bun build --compile` embeds the file of the target's architecture. */
function loadNative(): Native {
  native ??=
    process.arch === 'arm64'
      ? (require('@koromix/koffi-linux-arm64/linux_arm64/koffi.node') as Native)
      : (require('@koromix/koffi-linux-x64/linux_x64/koffi.node') as Native);
  return native;
}

function find(name: string, result: string, parameters: string[]): LibraryFunction {
  library ??= loadNative().load(null);
  return library.func(name, result, parameters) as LibraryFunction;
}

/** A path or name as the kernel sees it: text, or bytes where a foreign name is not UTF-8. */
export type Path = string | Uint8Array;
/** A path that `cString` has checked. */
export type CString = string | Uint8Array;
/** What a C function takes here. `null` is a null pointer; typed arrays are passed by address, without a copy. */
export type Argument = number | bigint | string | ArrayBufferView | null;

export interface CFunction<Arguments extends Argument[]> {
  (...args: Arguments): number;
  /** Runs on the thread pool. */
  async(...args: Arguments): Promise<AsyncResult>;
}
/** Negative result and the error of that thread. */
export interface AsyncResult {
  result: number;
  errno: number;
}

/**
 * Declares `long name(parameters)`. Types: `int`, `uint32`, `int64`, `size_t`, `void*`, `str`. Variadic functions of libc are declared
 * with the arguments that are used; both supported calling conventions pass these alike.
 */
export function declare<Arguments extends Argument[]>(
  name: string,
  result: 'int' | 'int64',
  parameters: string[],
): CFunction<Arguments> {
  let found: LibraryFunction | undefined;
  const call = (...args: Arguments): number => {
    found ??= find(name, result, parameters);
    return found(...args) as number;
  };
  const async = (...args: Arguments): Promise<AsyncResult> =>
    new Promise((resolve, reject) => {
      found ??= find(name, result, parameters);
      found.async(...args, (error: Error | null, value: number) => {
        if (error) reject(error);
        else resolve({ result: value, errno: value < 0 ? lastErrno() : 0 });
      });
    });
  return Object.assign(call, { async });
}

/** errno(3) of this thread; call it in the statement after the failed call. */
export function lastErrno(): number {
  return loadNative().errno();
}

/** The result, or the error of the call that returned it. Usage: `check(mkdirat(…), 'mkdirat', path)`. */
export function check(result: number, call: string, path?: Path): number {
  return result >= 0 ? result : fail(lastErrno(), call, path);
}

/** Repeats a call that a signal interrupted (signal(7)). */
export function checkRetry(run: () => number, call: string, path?: Path): number {
  for (;;) {
    const result = run();
    if (result >= 0) return result;
    const errno = lastErrno();
    if (errno !== EINTR) return fail(errno, call, path);
  }
}

export function fail(errno: number, call: string, path?: Path, detail?: string): never {
  throw new SyscallError(call, describeErrno(errno), {
    path: path === undefined ? undefined : pathText(path),
    ...(detail ? { detail } : {}),
  });
}

export const EPERM = 1;
export const EINTR = 4;
export const EBADF = 9;
export const EAGAIN = 11;
export const EINVAL = 22;
export const ENOSYS = 38;

const strerror = { found: undefined as LibraryFunction | undefined };
const preferredNames: Record<number, string> = { 11: 'EAGAIN', 35: 'EDEADLK', 95: 'EOPNOTSUPP' };

function describeErrno(errno: number): Errno {
  strerror.found ??= find('strerror', 'str', ['int']);
  const text = String(strerror.found(errno));
  const numbers = loadNative().os.errno;
  const name = preferredNames[errno] ?? Object.keys(numbers).find((key) => numbers[key] === errno);
  return { number: errno, name: name ?? `E${errno}`, text: text.charAt(0).toLowerCase() + text.slice(1) };
}

/**
 * The argument for a `str` parameter. A NUL inside would make the kernel see a shorter path than the one that was checked, so it
 * is refused as the kernel refuses bad names.
 */
export function cString(path: Path, call: string): CString {
  if (typeof path === 'string') return path.includes('\0') ? fail(EINVAL, call, path) : path;
  if (path.includes(0)) return fail(EINVAL, call, path);
  const terminated = new Uint8Array(path.length + 1);
  terminated.set(path);
  return terminated;
}

function pathText(path: Path): string {
  return typeof path === 'string' ? path : Buffer.from(path).toString();
}

/** Memory whose address never changes (small typed arrays may be moved when their buffer is first looked at). */
export function stableBytes(size: number): Buffer {
  return Buffer.from(new ArrayBuffer(size));
}

/** The address of memory, or of a function of libc by its name. */
export function addressOf(target: ArrayBufferView | string): bigint {
  if (typeof target !== 'string') return loadNative().address(target);
  library ??= loadNative().load(null);
  return library.symbol(target) as bigint;
}

/**
 * syscall(2), for calls that glibc 2.35 does not wrap. The numbers below are the same on every architecture (they follow the unification
 * at 424).
 */
export const syscallNumbers = {
  pidfd_send_signal: 424,
  pidfd_getfd: 438,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  pidfd_open: 434,
  openat2: 437,
  mount_setattr: 442,
} as const;
