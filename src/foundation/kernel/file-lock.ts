import { type FileHandle, open } from 'node:fs/promises';
import { declare, fail, lastErrno } from './libc.ts';

const flock = declare<[number, number]>('flock', 'int', ['int', 'int']);
const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = 11;

/**
 * flock(2), exclusive: the kernel releases it when the process ends, however it ends. Undefined when somebody else holds it. The file is made when
 * it is absent and stays; closing the handle releases the lock.
 */
export async function tryLockFile(path: string): Promise<FileHandle | undefined> {
  const file = await open(path, 'a', 0o600);
  if (flock(file.fd, LOCK_EX | LOCK_NB) === 0) return file;
  const errno = lastErrno();
  await file.close();
  return errno === EWOULDBLOCK ? undefined : fail(errno, 'flock', path);
}
