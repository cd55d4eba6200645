import { statfsSync } from 'node:fs';
import { invalid } from '../base/errors.ts';
import { closeDescriptor, openat } from './at.ts';
import { AT_FDCWD, O_DIRECTORY, O_PATH } from './flags.ts';
import { check, cString, declare, type CString } from './libc.ts';
import {
  attachMount,
  cloneMount,
  createDetachedMount,
  knowsParameter,
  setIdMap,
  setMountAttributes,
  setPrivate,
  type FilesystemOptions,
  type MountAttributes,
  type Place,
} from './mount-api.ts';

export type { FilesystemOptions, MountAttributes, Place } from './mount-api.ts';

const c = {
  mount: declare<[CString, CString, CString, number, CString]>('mount', 'int', [
    'str',
    'str',
    'str',
    'ulong',
    'str',
  ]),
  umount2: declare<[CString, number]>('umount2', 'int', ['str', 'int']),
};
const MS_RDONLY = 1;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

export interface MountOverlay {
  /** Topmost first. */
  lower: readonly string[];
  /** Both or neither; without them the mount is read-only and wants at least two lower folders. */
  upper?: string;
  work?: string;
  target: string;
  readOnly?: boolean;
}

/**
 * Mounts overlayfs (kernel document filesystems/overlayfs) with any number and length of lower folders up to the kernel's 500. The options
 * that trust the content of the layers (`index`, `metacopy`, `redirect_dir`) stay as the kernel has them and `userxattr` is never set.
 */
export function mountOverlay(request: MountOverlay): void {
  if ((request.upper === undefined) !== (request.work === undefined))
    throw invalid('an overlay mount wants both an upper and a work folder, or neither');
  using opened = new DisposableStack();
  if (!supportsLayerParameter()) return mountOverlayByDescriptors(request, opened);
  const name = (path: string): string => (fitsParameter(path) ? path : byDescriptor(path, opened));
  const { upper, work, readOnly } = request;
  const options: FilesystemOptions = {
    source: 'overlay',
    'lowerdir+': request.lower.map(name),
    ...(upper === undefined || work === undefined ? {} : { upperdir: name(upper), workdir: name(work) }),
  };
  mountAt({ type: 'overlay', options, target: request.target, attributes: readOnly ? { readOnly } : {} });
}

/**
 * A read-only overlay of these folders (topmost first), attached nowhere: the descriptor of its root is the caller's. `scratch` is an empty folder
 * that older kernels need for an instant.
 */
export function openOverlay(request: OpenOverlay): number {
  if (!supportsLayerParameter()) return openOverlayByDescriptors(request);
  using opened = new DisposableStack();
  const name = (path: string): string => (fitsParameter(path) ? path : byDescriptor(path, opened));
  const options = { source: 'overlay', 'lowerdir+': request.lower.map(name) };
  return createDetachedMount('overlay', options, { readOnly: true });
}

export interface OpenOverlay {
  /** Topmost first, at least two. */
  lower: readonly string[];
  scratch: string;
}

/** For kernels without `lowerdir+`: mounted and at once unmounted, while the descriptor keeps it. Exported for tests. */
export function openOverlayByDescriptors({ lower, scratch }: OpenOverlay): number {
  using opened = new DisposableStack();
  mountOverlayByDescriptors({ lower, target: scratch, readOnly: true }, opened);
  opened.defer(() => unmount(scratch, { detach: true }));
  return openat(AT_FDCWD, scratch, O_PATH | O_DIRECTORY);
}

/** The overlay that is mounted at the path, without what is mounted below it; undefined when none is. The descriptor of its root is the caller's. */
export function cloneOverlay(path: string): number | undefined {
  const fd = cloneMount(path);
  if (statfsSync(`/proc/self/fd/${fd}`).type === overlayMagic) return fd;
  closeDescriptor(fd);
  return undefined;
}

/** <linux/magic.h> */
const overlayMagic = 0x794c7630;

/** Values of fsconfig(2) end at 255 bytes, and overlayfs takes backslashes for escapes. */
function fitsParameter(path: string): boolean {
  return Buffer.byteLength(path) < 256 && !path.includes('\\');
}

/** A short name for the folder, while the stack is not disposed. */
function byDescriptor(path: string, opened: DisposableStack): string {
  const fd = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY);
  opened.defer(() => closeDescriptor(fd));
  return `/proc/self/fd/${fd}`;
}

let layerParameter: boolean | undefined;

/** `lowerdir+` came with Linux 6.8; asked once. */
function supportsLayerParameter(): boolean {
  layerParameter ??= knowsParameter('overlay', 'lowerdir+', '/');
  return layerParameter;
}

/** mount(2): all options share one page of 4096 bytes, so the folders are named by descriptors. Exported for tests. */
export function mountOverlayByDescriptors(request: MountOverlay, opened: DisposableStack): void {
  const name = (path: string): string => byDescriptor(path, opened);
  const options = [`lowerdir=${request.lower.map(name).join(':')}`];
  if (request.upper !== undefined && request.work !== undefined)
    options.push(`upperdir=${name(request.upper)}`, `workdir=${name(request.work)}`);
  const target = cString(request.target, 'mount');
  const flags = request.readOnly ? MS_RDONLY : 0;
  check(c.mount('overlay', target, 'overlay', flags, options.join(',')), 'mount overlay', request.target);
}

/** Mounts any file system type at the place: `mountAt({ type: 'mqueue', target })`. */
export function mountAt(request: {
  type: string;
  target: Place;
  options?: FilesystemOptions;
  attributes?: MountAttributes;
}): void {
  const fd = createDetachedMount(request.type, request.options ?? {}, request.attributes);
  attachAndClose(fd, request.target);
}

export function mountTmpfs(request: {
  target: Place;
  sizeBytes?: number;
  /** Of its root directory. */
  mode?: number;
  attributes?: MountAttributes;
}): void {
  const { target, sizeBytes, mode, attributes } = request;
  const options: FilesystemOptions = {
    source: 'tmpfs',
    ...(sizeBytes === undefined ? {} : { size: String(sizeBytes) }),
    ...(mode === undefined ? {} : { mode: mode.toString(8) }),
  };
  mountAt({ type: 'tmpfs', target, options, ...(attributes ? { attributes } : {}) });
}

/**
 * Shows the source (a folder or a file) at the target; the attributes are there from the first moment. Both are absolute paths whose
 * last component is not followed, or descriptors, such as `Root.open` gives for a path in a foreign tree.
 */
export function bindMount(request: {
  source: Place;
  target: Place;
  /** With the mounts below the source (`rbind`); the attributes then hold for all of them. */
  recursive?: boolean;
  attributes?: MountAttributes;
}): void {
  const recursive = request.recursive ?? false;
  const fd = cloneMount(request.source, { recursive });
  try {
    if (request.attributes) setMountAttributes(fd, request.attributes, { recursive });
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
  attachAndClose(fd, request.target);
}

/**
 * A clone of the mount at the source in which owners are shifted as the user namespace says (`createUserNamespace`). It is attached nowhere: give
 * the descriptor to `attachMount`, then close it.
 */
export function idmappedClone(
  source: Place,
  userNamespaceFd: number,
  options: { recursive?: boolean; attributes?: MountAttributes } = {},
): number {
  const fd = cloneMount(source, options);
  try {
    setIdMap(fd, userNamespaceFd, options);
    if (options.attributes) setMountAttributes(fd, options.attributes, options);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

export { attachMount, setMountAttributes } from './mount-api.ts';

/** Mounts and unmounts at this place and below are no longer seen in other namespaces, nor theirs here. */
export function makePrivate(place: Place, options: { recursive?: boolean } = {}): void {
  setPrivate(place, options);
}

/** umount2(2). With `detach` it disappears at once, and is freed when its last user lets go. Never follows a final link. */
export function unmount(target: string, options: { detach?: boolean } = {}): void {
  const flags = UMOUNT_NOFOLLOW | (options.detach ? MNT_DETACH : 0);
  check(c.umount2(cString(target, 'umount2'), flags), 'umount2', target);
}

function attachAndClose(fd: number, target: Place): void {
  try {
    attachMount(fd, target);
  } finally {
    closeDescriptor(fd);
  }
}
