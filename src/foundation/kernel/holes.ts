import { declare, EINVAL, fail, lastErrno } from './libc.ts';

const c = { lseek: declare<[number, number, number]>('lseek', 'int64', ['int', 'int64', 'int']) };
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const ENXIO = 6;

/** lseek(2): where the data at or after the position begins; undefined when only a hole is left. A file system without holes has data everywhere. */
export function nextData(fd: number, position: number): number | undefined {
  const found = c.lseek(fd, position, SEEK_DATA);
  if (found >= 0) return found;
  const errno = lastErrno();
  if (errno === ENXIO) return undefined;
  return errno === EINVAL ? position : fail(errno, 'lseek');
}

/** lseek(2): where the hole at or after the position begins; at the latest at the end of the file, and nowhere (infinity) when the file ends before the position. */
export function nextHole(fd: number, position: number): number {
  const found = c.lseek(fd, position, SEEK_HOLE);
  if (found >= 0) return found;
  const errno = lastErrno();
  // It was truncated since somebody saw data there; or the file system knows no holes.
  return errno === ENXIO || errno === EINVAL ? Infinity : fail(errno, 'lseek');
}
