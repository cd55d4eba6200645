import { readSync } from 'node:fs';
import { closeDescriptor } from './at.ts';
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from './flags.ts';
import { check, cString, declare, fail, lastErrno, syscallNumbers, type CString } from './libc.ts';

/*
 * The mount API of Linux 5.2 (fsopen(2), open_tree(2), move_mount(2)) and mount_setattr(2) of 5.12: a mount is made, given its attributes
 * and only then attached, so nobody ever sees it half-configured. Internal to this folder.
 */
const c = {
  fsopen: declare<[number, string, number]>('syscall', 'int64', ['int64', 'str', 'int64']),
  fsconfig: declare<[number, number, number, CString | null, CString | null, number]>('syscall', 'int64', [
    'int64',
    'int64',
    'int64',
    'str',
    'str',
    'int64',
  ]),
  fsmount: declare<[number, number, number, number]>('syscall', 'int64', [
    'int64',
    'int64',
    'int64',
    'int64',
  ]),
  open_tree: declare<[number, number, CString, number]>('syscall', 'int64', [
    'int64',
    'int64',
    'str',
    'int64',
  ]),
  move_mount: declare<[number, number, CString, number, CString, number]>('syscall', 'int64', [
    'int64',
    'int64',
    'str',
    'int64',
    'str',
    'int64',
  ]),
  mount_setattr: declare<[number, number, CString, number, BigUint64Array, number]>('syscall', 'int64', [
    'int64',
    'int64',
    'str',
    'int64',
    'void*',
    'size_t',
  ]),
};

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

const attributeBits = {
  readOnly: 0x1,
  noSuid: 0x2,
  noDev: 0x4,
  noExec: 0x8,
  noAtime: 0x10,
  strictAtime: 0x20,
  noDirAtime: 0x80,
  noSymlinkFollow: 0x200000,
};
/** `MOUNT_ATTR__ATIME`: one field, cleared as a whole before it is set. */
const atimeBits = 0x70n;
const MOUNT_ATTR_IDMAP = 0x100000n;
const MS_PRIVATE = 1n << 18n;
const MS_SLAVE = 1n << 19n;

/** Properties of a mount (not of the file system that is mounted), see mount_setattr(2). */
export type MountAttributes = { [name in keyof typeof attributeBits]?: boolean };

/** A place in the file system: an absolute path whose last component is not followed, or an open descriptor (`O_PATH` is enough). */
export type Place = string | number;

/** Parameters of a file system; `true` is a flag, a list gives the parameter several times, in order. */
export type FilesystemOptions = Record<string, string | true | readonly string[]>;

/** fsopen(2) up to fsmount(2): a mounted file system that is attached nowhere yet. */
export function createDetachedMount(
  type: string,
  options: FilesystemOptions,
  attributes: MountAttributes = {},
): number {
  const context = openFilesystem(type);
  try {
    for (const [key, value] of Object.entries(options)) {
      if (value === true) configure(context, FSCONFIG_SET_FLAG, key, null, type);
      else
        for (const text of typeof value === 'string' ? [value] : value)
          configure(context, FSCONFIG_SET_STRING, key, text, type);
    }
    configure(context, FSCONFIG_CMD_CREATE, null, null, type);
    const flags = attributeMask(attributes);
    return checkLogged(
      context,
      c.fsmount(syscallNumbers.fsmount, context, FSMOUNT_CLOEXEC, flags),
      'fsmount',
      type,
    );
  } finally {
    closeDescriptor(context);
  }
}

/** Whether the file system type knows a parameter with this value. False too when the type or fsopen(2) itself is missing. */
export function knowsParameter(type: string, key: string, value: string): boolean {
  const context = c.fsopen(syscallNumbers.fsopen, type, FSOPEN_CLOEXEC);
  if (context < 0) return false;
  const result = c.fsconfig(syscallNumbers.fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
  closeDescriptor(context);
  return result === 0;
}

/** open_tree(2): a clone of the mount at the place, attached nowhere yet. The descriptor is the caller's. */
export function cloneMount(source: Place, options: { recursive?: boolean } = {}): number {
  const [dirfd, path] = placeArguments(source, 'open_tree');
  const flags =
    OPEN_TREE_CLONE |
    OPEN_TREE_CLOEXEC |
    AT_EMPTY_PATH |
    (options.recursive ? AT_RECURSIVE : 0) |
    AT_SYMLINK_NOFOLLOW;
  return check(c.open_tree(syscallNumbers.open_tree, dirfd, path, flags), 'open_tree', placeText(source));
}

/** mount_setattr(2) with these attributes added; `recursive` also for every mount below it. */
export function setMountAttributes(
  place: Place,
  attributes: MountAttributes,
  options: { recursive?: boolean } = {},
): void {
  setAttributes(place, { set: BigInt(attributeMask(attributes)) }, options.recursive ?? false);
}

/** mount_setattr(2): no mount event goes in or out any more (mount_namespaces(7), `MS_PRIVATE`). */
export function setPrivate(place: Place, options: { recursive?: boolean } = {}): void {
  setAttributes(place, { propagation: MS_PRIVATE }, options.recursive ?? false);
}

/**
 * mount_setattr(2) with `MOUNT_ATTR_IDMAP`: owners are seen through the mappings of the user namespace. Only on a detached clone. It takes events of the
 * mount that it is a clone of and sends it none: unmounting the clone with what is below would unmount that of the original too (mount_namespaces(7)).
 */
export function setIdMap(
  mountFd: number,
  userNamespaceFd: number,
  options: { recursive?: boolean } = {},
): void {
  const change = { set: MOUNT_ATTR_IDMAP, propagation: MS_SLAVE, userNamespaceFd: BigInt(userNamespaceFd) };
  setAttributes(mountFd, change, options.recursive ?? false);
}

/** move_mount(2): attaches what the descriptor holds. The descriptor stays the caller's. */
export function attachMount(mountFd: number, target: Place): void {
  const [dirfd, path] = placeArguments(target, 'move_mount');
  const flags = MOVE_MOUNT_F_EMPTY_PATH | (typeof target === 'number' ? MOVE_MOUNT_T_EMPTY_PATH : 0);
  const result = c.move_mount(syscallNumbers.move_mount, mountFd, '', dirfd, path, flags);
  check(result, 'move_mount', placeText(target));
}

function placeText(place: Place): string {
  return typeof place === 'number' ? `/proc/self/fd/${place}` : place;
}

function placeArguments(place: Place, call: string): [number, CString] {
  return typeof place === 'number' ? [place, ''] : [AT_FDCWD, cString(place, call)];
}

function setAttributes(
  place: Place,
  change: { set?: bigint; propagation?: bigint; userNamespaceFd?: bigint },
  recursive: boolean,
): void {
  const [dirfd, path] = placeArguments(place, 'mount_setattr');
  // struct mount_attr: attr_set, attr_clr, propagation, userns_fd
  const attr = new BigUint64Array([
    change.set ?? 0n,
    ((change.set ?? 0n) & atimeBits) === 0n ? 0n : atimeBits,
    change.propagation ?? 0n,
    change.userNamespaceFd ?? 0n,
  ]);
  const flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | (recursive ? AT_RECURSIVE : 0);
  const result = c.mount_setattr(syscallNumbers.mount_setattr, dirfd, path, flags, attr, attr.byteLength);
  check(result, 'mount_setattr', placeText(place));
}

function attributeMask(attributes: MountAttributes): number {
  let mask = 0;
  for (const [name, bit] of Object.entries(attributeBits))
    if (attributes[name as keyof MountAttributes]) mask |= bit;
  return mask;
}

function openFilesystem(type: string): number {
  cString(type, 'fsopen');
  return check(c.fsopen(syscallNumbers.fsopen, type, FSOPEN_CLOEXEC), 'fsopen', type);
}

function configure(
  context: number,
  command: number,
  key: string | null,
  value: string | null,
  type: string,
): void {
  const [name, text] = [key, value].map((part) => (part === null ? null : cString(part, 'fsconfig')));
  const result = c.fsconfig(syscallNumbers.fsconfig, context, command, name ?? null, text ?? null, 0);
  const call = key === null ? 'fsconfig create' : `fsconfig ${key}`;
  checkLogged(context, result, call, value ?? type);
}

/** The file system explains a refusal in messages that are read from the context: `e overlay: …` (one a read). */
function checkLogged(context: number, result: number, call: string, what: string): number {
  if (result >= 0) return result;
  const errno = lastErrno();
  const buffer = Buffer.alloc(512);
  const messages: string[] = [];
  try {
    for (;;) messages.push(buffer.toString('utf8', 0, readSync(context, buffer)).trim());
  } catch {
    // ENODATA: no further message.
  }
  return fail(errno, call, what, messages.join('; '));
}
