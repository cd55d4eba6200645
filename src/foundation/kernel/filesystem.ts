import { statfs } from 'node:fs/promises';

/** Numbers of statfs(2) and <linux/magic.h>. */
const names: Record<number, string> = {
  0x0000ef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlay',
  0x2fc12fc1: 'zfs',
  0xf2f52010: 'f2fs',
  0xca451a4e: 'bcachefs',
  0x00006969: 'nfs',
  0xff534d42: 'cifs',
  0x65735546: 'fuse',
  0xe0f5e1e2: 'erofs',
  0x73717368: 'squashfs',
  0x858458f6: 'ramfs',
};

export interface FileSystemStatus {
  /** Name of the type; `0x…` for a rare one. ext2, ext3 and ext4 share a number. */
  type: string;
  totalBytes: number;
  /** What we may still use. */
  freeBytes: number;
  /** 0 of 0 on file systems that make inodes as needed, such as btrfs. */
  totalInodes: number;
  freeInodes: number;
}

/** statfs(2) of the file system that holds the path. */
export async function fileSystemStatus(path: string): Promise<FileSystemStatus> {
  const { type, bsize, blocks, bavail, files, ffree } = await statfs(path);
  const magic = type >>> 0;
  return {
    type: names[magic] ?? `0x${magic.toString(16)}`,
    totalBytes: blocks * bsize,
    freeBytes: bavail * bsize,
    totalInodes: files,
    freeInodes: ffree,
  };
}
