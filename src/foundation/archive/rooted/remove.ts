import { closeSync } from 'node:fs';
import { SiloError } from '../../base/errors.ts';
import { openat, rmdirat, unlinkat } from '../../kernel/at.ts';
import { readNames } from '../../kernel/directory.ts';
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../kernel/flags.ts';
import { statAt } from '../../kernel/stat.ts';
import { isErrno } from '../../kernel/syscall-error.ts';
import { toKernelPath } from '../byte-path.ts';
import { displayName } from '../tar-limits.ts';

/** Each level holds a descriptor and a frame; nobody nests this deep but to hurt. */
export const maximumDepth = 1000;

/**
 * Deletes a name with all below it, following nothing. What is mounted stays, with kind `conflict`: the kernel would say so only for mounts of our own
 * namespace, and unmount those of a container. Somebody else may delete at the same time.
 */
export function removeTree(parent: number, name: string, depth = 0): void {
  const kernelName = toKernelPath(name);
  if (isMounted(parent, kernelName))
    throw new SiloError('conflict', `unlinkat ${displayName(name)}: device or resource busy`, {
      code: 'mounted',
      hint: 'something is mounted there; copy into the directory, or to another name',
    });
  try {
    unlinkat(parent, kernelName);
    return;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    if (!isErrno(error, 'EISDIR')) throw error;
  }
  if (depth > maximumDepth)
    throw new SiloError('invalid', `directories are nested more than ${maximumDepth} deep`, {
      code: 'too-deep',
    });
  const fd = openat(parent, kernelName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    for (const child of readNames(fd)) removeTree(fd, child, depth + 1);
  } finally {
    closeSync(fd);
  }
  try {
    rmdirat(parent, kernelName);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

function isMounted(parent: number, name: string | Buffer): boolean {
  try {
    return statAt(parent, name).isMountRoot;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
