import { readFileSync } from 'node:fs';
import { AT_FDCWD } from './flags.ts';
import { knownStatus } from './stat.ts';
import { isErrno } from './syscall-error.ts';

/** One line of proc_pid_mountinfo(5). */
export interface MountInfo {
  id: number;
  parentId: number;
  /** `8:1` */
  device: string;
  /** The folder of the file system that is shown. */
  root: string;
  target: string;
  /** Of the mount: `ro`, `nosuid`, … */
  options: string[];
  /** `shared:1`, `master:2`, … */
  propagation: string[];
  type: string;
  source: string;
  /** Of the file system. */
  superOptions: string[];
}

/** The mounts of our namespace, in the order of the kernel: a later one at the same target covers the earlier. */
export function mountInfo(): MountInfo[] {
  return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
}

export function parseMountInfo(text: string): MountInfo[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);
}

/** Whether something is mounted exactly here (statx(2), `STATX_ATTR_MOUNT_ROOT`). False when the path does not exist. */
export function isMountPoint(path: string): boolean {
  try {
    return knownStatus.at(AT_FDCWD, path).isMountRoot;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

function parseLine(line: string): MountInfo {
  const fields = line.split(' ');
  const separator = fields.indexOf('-', 6);
  const field = (index: number): string => unescapeOctal(fields[index] ?? '');
  return {
    id: Number(field(0)),
    parentId: Number(field(1)),
    device: field(2),
    root: field(3),
    target: field(4),
    options: field(5).split(','),
    propagation: fields.slice(6, separator),
    type: field(separator + 1),
    source: field(separator + 2),
    superOptions: field(separator + 3).split(','),
  };
}

/** The kernel writes space, tab, newline, backslash and `#` as three octal digits. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
