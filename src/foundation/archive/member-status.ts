import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG } from '../kernel/flags.ts';
import type { FileStatus } from '../kernel/stat.ts';
import type { TarTime } from './pax.ts';
import type { TarType } from './tar-entry.ts';

/*
 * What statx(2) tells, as archives say it.
 */

const types: Readonly<Record<number, TarType>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'directory',
  [S_IFLNK]: 'symlink',
  [S_IFCHR]: 'char',
  [S_IFBLK]: 'block',
  [S_IFIFO]: 'fifo',
};

/** Undefined for what archives have no entry for, such as a socket. */
export function tarTypeOf({ mode }: FileStatus): TarType | undefined {
  return types[mode & S_IFMT];
}

const second = 1_000_000_000n;

export function tarTimeOf(ns: bigint): TarTime {
  const nsec = ((ns % second) + second) % second;
  return { sec: Number((ns - nsec) / second), nsec: Number(nsec) };
}

/** How an upper folder of overlayfs says "deleted": a character device 0:0. */
export function isWhiteout({ mode, rdev }: FileStatus): boolean {
  return (mode & S_IFMT) === S_IFCHR && rdev.major === 0 && rdev.minor === 0;
}
