import { closeDescriptor, openat } from './at.ts';
import { AT_FDCWD, O_DIRECTORY, O_PATH } from './flags.ts';

/** Opens what an `O_PATH` descriptor stands for, with other flags. */
export interface Reopener extends Disposable {
  /** The caller closes. Nothing is looked up by name: it is the very thing that was seen. */
  reopen(fd: number, flags: number): number;
}

/** Made before a chroot it goes on working after it: proc_pid_fd(5) is reached by a descriptor. */
export function createReopener(): Reopener {
  const directory = openat(AT_FDCWD, '/proc/self/fd', O_PATH | O_DIRECTORY);
  return {
    reopen: (fd, flags) => openat(directory, String(fd), flags),
    [Symbol.dispose]: () => closeDescriptor(directory),
  };
}
