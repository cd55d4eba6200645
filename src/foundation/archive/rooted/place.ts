import { closeDescriptor, openat, readlinkDescriptor } from '../../kernel/at.ts';
import { O_NOFOLLOW, O_PATH } from '../../kernel/flags.ts';
import type { Root } from '../../kernel/rooted.ts';
import { isSymlink, statDescriptor } from '../../kernel/stat.ts';
import { SiloError } from '../../base/errors.ts';
import { isErrno } from '../../kernel/syscall-error.ts';
import { toKernelPath } from '../byte-path.ts';

/** path_resolution(7): the kernel's own limit. */
const maximumLinks = 40;

/**
 * Where a path (one character a byte) leads in the tree when all links are followed, as far as it goes: what is missing keeps its name. For
 * messages and clients only: the tree may change, so never open what it says by another way than `Root.open`.
 */
export function findPlace(root: Root, path: string): string {
  const left = path.split('/').reverse();
  const done: string[] = [];
  let links = 0;
  let exists = true;
  for (let part = left.pop(); part !== undefined; part = left.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      done.pop();
      continue;
    }
    const target = exists ? readLink(root, `/${[...done, part].join('/')}`) : undefined;
    if (target === 'missing') exists = false;
    if (target === undefined || target === 'missing') {
      done.push(part);
      continue;
    }
    if (++links > maximumLinks)
      throw new SiloError('invalid', `${path}: too many levels of symbolic links`, { code: 'link-loop' });
    if (target.text.startsWith('/')) done.length = 0;
    left.push(...target.text.split('/').reverse());
  }
  return `/${done.join('/')}`;
}

function readLink(root: Root, path: string): { text: string } | 'missing' | undefined {
  let fd: number;
  try {
    fd = openPlace(root, path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP')) return 'missing';
    throw error;
  }
  try {
    return isSymlink(statDescriptor(fd)) ? { text: readlinkDescriptor(fd).toString('latin1') } : undefined;
  } finally {
    closeDescriptor(fd);
  }
}

/** The thing itself, `O_PATH`; a path that ends in a slash leads through a last link, as everywhere. */
export function openPlace(root: Root, path: string): number {
  return root.open(toKernelPath(path), O_PATH | O_NOFOLLOW);
}

/** A name in a directory, the thing itself, `O_PATH`. */
export function openName(directory: number, name: string): number {
  return openat(directory, toKernelPath(name), O_PATH | O_NOFOLLOW);
}
