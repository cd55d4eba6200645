import { readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { O_PATH } from '../../../foundation/kernel/flags.ts';
import type { Root } from '../../../foundation/kernel/rooted.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import type { ContainerRecord } from '../container.ts';

/** What a container's mounts want and its root does not have: the runtime makes it. Links of the root are resolved; parents come before what is in them. */
export function missingMountPoints(root: Root, { mounts, config }: ContainerRecord): string[] {
  const destinations = [
    ...mounts.map(({ destination }) => destination),
    ...Object.keys(config.tmpfs),
    ...config.mounts.filter(({ type }) => type === 'tmpfs').map(({ target }) => target),
  ];
  return [...new Set(destinations.flatMap((path) => missingParts(root, path)))];
}

function missingParts(root: Root, path: string): string[] {
  const parts = posix.normalize(path).split('/').filter(Boolean);
  for (let there = parts.length; there >= 0; there--) {
    const found = realPath(root, parts.slice(0, there));
    if (found !== undefined)
      return parts.slice(there).map((_, index, rest) => posix.join(found, ...rest.slice(0, index + 1)));
  }
  return [];
}

/** Where the path leads, seen from the root; undefined when there is nothing. */
export function realPath(root: Root, parts: readonly string[]): string | undefined {
  try {
    const fd = root.open(`/${parts.join('/')}`, O_PATH);
    try {
      const nameOf = (descriptor: number): string => readlinkSync(`/proc/self/fd/${descriptor}`);
      return posix.join('/', posix.relative(nameOf(root.fd), nameOf(fd)));
    } finally {
      closeDescriptor(fd);
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}
