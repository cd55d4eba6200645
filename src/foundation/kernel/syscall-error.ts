import { SiloError, type ErrorKind } from '../base/errors.ts';

export interface Errno {
  /** As in errno(3), positive. */
  number: number;
  /** `ENOENT`. Where two names share a number: EAGAIN, EDEADLK, EOPNOTSUPP. */
  name: string;
  /** As strerror(3), lower-case. */
  text: string;
}

/**
 * A kernel call that failed. Its kind is only what is true everywhere (out of something, not permitted); whoever knows what
 * the path or descriptor means reclassifies the rest (`ENOENT` is seldom "the user's thing was not found").
 */
export class SyscallError extends SiloError {
  override readonly name = 'SyscallError';
  readonly call: string;
  readonly errno: number;
  readonly errnoName: string;
  readonly path: string | undefined;

  /** `detail` is text of the kernel itself, such as netlink's extended acknowledgement. */
  constructor(call: string, errno: Errno, options: { path?: string | undefined; detail?: string } = {}) {
    const target = options.path === undefined ? '' : ` ${JSON.stringify(options.path)}`;
    const detail = options.detail ? `: ${options.detail}` : '';
    super(kindOf(errno.name), `${call}${target}: ${errno.text} (${errno.name})${detail}`, {
      code: errno.name.toLowerCase(),
    });
    this.call = call;
    this.errno = errno.number;
    this.errnoName = errno.name;
    this.path = options.path;
  }
}

/** Whether `thrown` is a kernel call that failed with one of these errors. */
export function isErrno(thrown: unknown, ...names: string[]): thrown is SyscallError {
  return thrown instanceof SyscallError && names.includes(thrown.errnoName);
}

/** `ENOENT` and the like, of a kernel call of ours or of the runtime's; undefined when it is neither. */
export function errnoNameOf(thrown: unknown): string | undefined {
  if (thrown instanceof SyscallError) return thrown.errnoName;
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** What the work gives; undefined when it fails with one of these errors. */
export function unlessErrno<T>(names: readonly string[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isErrno(error, ...names)) return undefined;
    throw error;
  }
}

function kindOf(errnoName: string): ErrorKind {
  switch (errnoName) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EMFILE':
    case 'ENFILE':
      return 'exhausted';
    case 'EACCES':
    case 'EPERM':
      return 'forbidden';
    default:
      return 'internal';
  }
}
