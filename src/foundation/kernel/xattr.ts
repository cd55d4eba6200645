import { EINVAL, check, cString, declare, fail, lastErrno, type CString, type Path } from './libc.ts';

/*
 * xattr(7) of a path (the thing itself, never what a symbolic link points to) or of an open descriptor. For a name below a directory
 * descriptor give `pathAt(dirfd, name)`; `O_PATH` descriptors are refused by the kernel, `/proc/self/fd/N` of one is a link to follow.
 */
export type XattrTarget = Path | number;

const c = {
  lgetxattr: declare<[CString, CString, Uint8Array | null, number]>('lgetxattr', 'int64', [
    'str',
    'str',
    'void*',
    'size_t',
  ]),
  fgetxattr: declare<[number, CString, Uint8Array | null, number]>('fgetxattr', 'int64', [
    'int',
    'str',
    'void*',
    'size_t',
  ]),
  lsetxattr: declare<[CString, CString, Uint8Array, number, number]>('lsetxattr', 'int', [
    'str',
    'str',
    'void*',
    'size_t',
    'int',
  ]),
  fsetxattr: declare<[number, CString, Uint8Array, number, number]>('fsetxattr', 'int', [
    'int',
    'str',
    'void*',
    'size_t',
    'int',
  ]),
  llistxattr: declare<[CString, Uint8Array | null, number]>('llistxattr', 'int64', [
    'str',
    'void*',
    'size_t',
  ]),
  flistxattr: declare<[number, Uint8Array | null, number]>('flistxattr', 'int64', ['int', 'void*', 'size_t']),
};

const ENODATA = 61;
const ERANGE = 34;
/** XATTR_SIZE_MAX and XATTR_LIST_MAX of the kernel. */
const maximumBytes = 65_536;

/** getxattr(2); `undefined` when the attribute is not there. */
export function getXattr(target: XattrTarget, name: string): Buffer | undefined {
  const key = cString(name, 'getxattr');
  return sized('getxattr', target, (buffer) =>
    typeof target === 'number'
      ? c.fgetxattr(target, key, buffer, buffer.length)
      : c.lgetxattr(cString(target, 'getxattr'), key, buffer, buffer.length),
  );
}

/** setxattr(2), creating or replacing. */
export function setXattr(target: XattrTarget, name: string, value: Uint8Array): void {
  const key = cString(name, 'setxattr');
  const result =
    typeof target === 'number'
      ? c.fsetxattr(target, key, value, value.length, 0)
      : c.lsetxattr(cString(target, 'setxattr'), key, value, value.length, 0);
  check(result, `setxattr ${name}`, pathOf(target));
}

/** listxattr(2). Most files have none, which is asked without memory. */
export function listXattrs(target: XattrTarget): string[] {
  if (typeof target === 'number' && c.flistxattr(target, null, 0) === 0) return [];
  const names = sized('listxattr', target, (buffer) =>
    typeof target === 'number'
      ? c.flistxattr(target, buffer, buffer.length)
      : c.llistxattr(cString(target, 'listxattr'), buffer, buffer.length),
  );
  return names === undefined ? [] : names.toString().split('\0').slice(0, -1);
}

function sized(call: string, target: XattrTarget, read: (buffer: Uint8Array) => number): Buffer | undefined {
  for (const size of [512, maximumBytes]) {
    const buffer = Buffer.alloc(size);
    const length = read(buffer);
    if (length >= 0) return buffer.subarray(0, length);
    const errno = lastErrno();
    if (errno === ENODATA) return undefined;
    if (errno !== ERANGE) return fail(errno, call, pathOf(target));
  }
  return fail(EINVAL, call, pathOf(target));
}

function pathOf(target: XattrTarget): Path {
  return typeof target === 'number' ? `/proc/self/fd/${target}` : target;
}
