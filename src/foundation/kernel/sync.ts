import { closeSync } from 'node:fs';
import { openat } from './at.ts';
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from './flags.ts';
import { declare, fail } from './libc.ts';

const syncfs = declare<[number]>('syncfs', 'int', ['int']);

/**
 * syncfs(2) on the thread pool: all that was written to the file system of this folder is on the disk afterwards. Kind `exhausted` when
 * the disk turned out to be full.
 */
export async function syncFileSystem(directory: string): Promise<void> {
  const fd = openat(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  try {
    await syncFileSystemOf(fd, directory);
  } finally {
    closeSync(fd);
  }
}

/** The same by a descriptor of it. */
export async function syncFileSystemOf(fd: number, about?: string): Promise<void> {
  const { result, errno } = await syncfs.async(fd);
  if (result < 0) fail(errno, 'syncfs', about);
}
