import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { baseOf, components, parentOf, toKernelPath } from '../../../../foundation/archive/byte-path.ts';
import { tarTimeOf, tarTypeOf } from '../../../../foundation/archive/member-status.ts';
import { findPlace } from '../../../../foundation/archive/rooted/place.ts';
import { isAllowedXattr } from '../../../../foundation/archive/xattr-policy.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { closeDescriptor, readlinkat } from '../../../../foundation/kernel/at.ts';
import {
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
} from '../../../../foundation/kernel/flags.ts';
import { readNames } from '../../../../foundation/kernel/directory.ts';
import { openOverlay } from '../../../../foundation/kernel/mount.ts';
import { type Root, rootAt } from '../../../../foundation/kernel/rooted.ts';
import { isRegular, statAt, statDescriptor } from '../../../../foundation/kernel/stat.ts';
import { isErrno } from '../../../../foundation/kernel/syscall-error.ts';
import { getXattr, listXattrs } from '../../../../foundation/kernel/xattr.ts';
import type { ImageId } from '../../../../foundation/oci/digest.ts';
import { newFolder, type TreeEntry } from './tree.ts';
import type { BuildDeps } from '../types.ts';

/**
 * What an image's layers show together, for reading. Its layers are whole and never change, so that what was seen stays true; all of it is hostile
 * and only ever reached through `Root`. Paths are one character a byte, without a slash in front.
 */
export interface RootView extends Disposable {
  /** Where a path leads when all links are followed, as far as there is something. */
  resolve(path: string): string;
  /** The thing itself. Undefined when it is not there, or is a socket. */
  find(path: string): ViewedEntry | undefined;
  names(folder: string): string[];
  /** A file, for reading; the caller closes. */
  open(path: string): number;
  readFile(path: string, limitBytes: number): Buffer | undefined;
}

export interface ViewedEntry extends TreeEntry {
  /** Which file it is, when it has several names. */
  inode?: string;
}

const absent = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'] as const;

export async function openRootView(
  deps: Pick<BuildDeps, 'images' | 'layers' | 'directory'>,
  image: ImageId,
): Promise<RootView> {
  const { layers } = deps.images.resolve(image);
  const folders: string[] = [];
  for (const chainId of layers.toReversed()) {
    const layer = await deps.layers.find(chainId);
    if (!layer) throw invalid(`a layer of the image ${image} is missing`, { code: 'layer-missing' });
    folders.push(layer.path);
  }
  if (folders.length === 0) return emptyView;
  const scratch = await mkdtemp(join(deps.directory, 'view-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(scratch, { recursive: true, force: true }));
  // An overlay has at least two; the empty one is below all, and directories cannot be listed without it.
  const isPadded = folders.length < 2;
  const view = viewOf(rootAt(openOverlay({ lower: [...folders, ...(isPadded ? [scratch] : [])], scratch })));
  if (!isPadded) return view;
  undo.move();
  return {
    ...view,
    [Symbol.dispose]() {
      view[Symbol.dispose]();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** Of an image without layers. */
const emptyView: RootView = {
  resolve: (path) => components(path).join('/'),
  find: (path) => (path === '' ? newFolder : undefined),
  names: () => [],
  open: () => {
    throw new TypeError('there are no files');
  },
  readFile: () => undefined,
  [Symbol.dispose]: () => undefined,
};

function viewOf(root: Root): RootView {
  /** The directory that was looked into last: files of one come together. */
  let last: { path: string; fd: number } | undefined;
  const forget = (): void => {
    if (last) closeDescriptor(last.fd);
    last = undefined;
  };
  let isClosed = false;
  /** Another file may have its number by then. */
  const opened = (): Root => {
    if (isClosed) throw new TypeError('the files of this image are read no more');
    return root;
  };
  const directory = (path: string): number => {
    if (last?.path === path) return last.fd;
    const fd = opened().open(toKernelPath(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    forget();
    last = { path, fd };
    return fd;
  };
  return {
    resolve: (path) => findPlace(opened(), path).slice(1),
    find(path) {
      try {
        const name = path === '' ? '.' : baseOf(path);
        return entryAt(directory(parentOf(path)), name);
      } catch (error) {
        if (isErrno(error, ...absent)) return undefined;
        throw error;
      }
    },
    names(folder) {
      const fd = opened().open(toKernelPath(folder), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      try {
        return readNames(fd);
      } finally {
        closeDescriptor(fd);
      }
    },
    open(path) {
      const place = opened().open(toKernelPath(path), O_PATH | O_NOFOLLOW);
      try {
        // Merely opening something else may act on it, or wait.
        if (!isRegular(statDescriptor(place)))
          throw invalid('a file of a stage is no regular file', { code: 'not-regular' });
      } finally {
        closeDescriptor(place);
      }
      return root.open(toKernelPath(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    },
    readFile(path, limitBytes) {
      try {
        return opened().readFile(path, limitBytes);
      } catch (error) {
        if (isErrno(error, ...absent)) return undefined;
        throw error;
      }
    },
    [Symbol.dispose]() {
      forget();
      if (!isClosed) root[Symbol.dispose]();
      isClosed = true;
    },
  };
}

function entryAt(parent: number, name: string): ViewedEntry | undefined {
  const kernelName = toKernelPath(name);
  const status = statAt(parent, kernelName);
  const type = tarTypeOf(status);
  if (type === undefined || type === 'hardlink') return undefined;
  return {
    type,
    mode: status.mode & 0o7777,
    uid: status.uid,
    gid: status.gid,
    mtime: tarTimeOf(status.mtimeNs),
    xattrs: type === 'file' || type === 'directory' ? attributes(parent, name) : undefined,
    devMajor: status.rdev.major,
    devMinor: status.rdev.minor,
    linkName: type === 'symlink' ? readlinkat(parent, kernelName).toString('latin1') : '',
    size: type === 'file' ? status.sizeBytes : 0,
    at: 0,
    digest: '',
    ...(status.nlink > 1 && type !== 'directory'
      ? { inode: `${status.device.major}:${status.device.minor}:${status.ino}` }
      : {}),
  };
}

function attributes(parent: number, name: string): Map<string, Buffer> | undefined {
  const place = toKernelPath(`/proc/self/fd/${parent}/${name}`);
  const found = new Map<string, Buffer>();
  for (const key of listXattrs(place)) {
    const value = isAllowedXattr(key) ? getXattr(place, key) : undefined;
    if (value) found.set(Buffer.from(key).toString('latin1'), value);
  }
  return found.size > 0 ? found : undefined;
}
