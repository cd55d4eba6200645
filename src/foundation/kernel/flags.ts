import { constants } from 'node:fs';

/* Constants of <fcntl.h> that node:fs lacks, beside those that differ between architectures (taken from node:fs). */
export const O_RDONLY = constants.O_RDONLY;
export const O_WRONLY = constants.O_WRONLY;
export const O_RDWR = constants.O_RDWR;
export const O_CREAT = constants.O_CREAT;
export const O_EXCL = constants.O_EXCL;
export const O_NONBLOCK = constants.O_NONBLOCK;
export const O_NOCTTY = constants.O_NOCTTY;
export const O_DIRECTORY = constants.O_DIRECTORY;
export const O_NOFOLLOW = constants.O_NOFOLLOW;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_EMPTY_PATH = 0x1000;

export const RENAME_NOREPLACE = 1;

export const S_IFMT = constants.S_IFMT;
export const S_IFLNK = constants.S_IFLNK;
export const S_IFREG = constants.S_IFREG;
export const S_IFBLK = constants.S_IFBLK;
export const S_IFDIR = constants.S_IFDIR;
export const S_IFCHR = constants.S_IFCHR;
export const S_IFIFO = constants.S_IFIFO;
