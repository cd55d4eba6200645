import { closeSync, readdirSync } from 'node:fs';
import { openat } from './at.ts';
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from './flags.ts';
import { type FileStatus, isDirectory, statAt } from './stat.ts';
import { unlessErrno } from './syscall-error.ts';

/** What to measure, in one walk. */
export interface TreeUsageRequest {
  root: string;
  /** Folders below the root, by path; each of their entries gets a number of its own under `group`. One may be inside another. */
  groups: { path: string; group: string }[];
  /** Sizes of entries of those folders that are known and need no walk, by path below the root. */
  known: Record<string, number>;
}

export interface TreeUsage {
  /** Allocated bytes of everything, as `du -s -x -B1`. */
  totalBytes: number;
  /** Per group, per entry. The folders of the groups themselves are in the total only. */
  groups: Record<string, Record<string, number>>;
}

/** Deeper folders are passed over: each level holds a descriptor open. */
const deepest = 4000;
/** It is gone, or another thing than a moment ago. */
const vanished = ['ENOENT', 'ENOTDIR', 'ELOOP'] as const;
const directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

interface Walk {
  request: TreeUsageRequest;
  groupOf: Map<string, string>;
  /** Below this no folder is a group. */
  deepestGroup: number;
  usage: TreeUsage;
  /** Files with several names that were counted. */
  seen: Set<string>;
  device: string;
}

/**
 * Allocated blocks below a folder. A file with several names counts once, where it is met first. Trees may be changing and hostile: each step opens one
 * component without following links; what vanishes is passed over. Mounted file systems take no space here and are not entered.
 */
export function treeUsage(request: TreeUsageRequest): TreeUsage {
  const usage: TreeUsage = { totalBytes: 0, groups: {} };
  for (const { group } of request.groups) usage.groups[group] ??= {};
  const fd = openat(AT_FDCWD, request.root, O_RDONLY | O_DIRECTORY);
  try {
    const status = statAt(fd, '.');
    const walk: Walk = {
      request,
      groupOf: new Map(request.groups.map(({ path, group }) => [path, group])),
      deepestGroup: Math.max(0, ...request.groups.map(({ path }) => path.split('/').length)),
      usage,
      seen: new Set(),
      device: deviceOf(status),
    };
    usage.totalBytes = status.allocatedBytes + below(walk, fd, '', 0);
  } finally {
    closeSync(fd);
  }
  return usage;
}

/** `path` is undefined where no group can be any more. */
function below(walk: Walk, fd: number, path: string | undefined, depth: number): number {
  const group = path === undefined ? undefined : walk.groupOf.get(path);
  let bytes = 0;
  for (const name of readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' })) {
    const text = path === undefined ? undefined : name.toString('latin1');
    const place = text === undefined ? undefined : path === '' ? text : `${path}/${text}`;
    const known = place === undefined || group === undefined ? undefined : walk.request.known[place];
    const size =
      known ?? sizeOf(walk, fd, name, { place: depth < walk.deepestGroup ? place : undefined, depth });
    bytes += size;
    const sizes = group === undefined ? undefined : walk.usage.groups[group];
    if (sizes && text !== undefined) sizes[text] = (sizes[text] ?? 0) + size;
  }
  return bytes;
}

function sizeOf(
  walk: Walk,
  parent: number,
  name: Buffer,
  { place, depth }: { place: string | undefined; depth: number },
): number {
  const status = unlessErrno(vanished, () => statAt(parent, name));
  if (!status || deviceOf(status) !== walk.device) return 0;
  if (!isDirectory(status)) {
    if (status.nlink > 1) {
      const key = String(status.ino);
      if (walk.seen.has(key)) return 0;
      walk.seen.add(key);
    }
    return status.allocatedBytes;
  }
  const fd = depth < deepest ? unlessErrno(vanished, () => openat(parent, name, directoryFlags)) : undefined;
  if (fd === undefined) return status.allocatedBytes;
  try {
    return status.allocatedBytes + below(walk, fd, place, depth + 1);
  } finally {
    closeSync(fd);
  }
}

const deviceOf = ({ device }: FileStatus): string => `${device.major}:${device.minor}`;
