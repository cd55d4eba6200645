import { closeSync, readdirSync, readSync } from 'node:fs';
import { openat, pathAt, readlinkat } from './at.ts';
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from './flags.ts';
import { type FileStatus, isDirectory, isRegular, isSymlink, statAt } from './stat.ts';
import { getXattr, listXattrs } from './xattr.ts';

export interface TreeDifference {
  /** Below the two folders; latin1 of its bytes. */
  path: string;
  /** `missing`, `extra`, `content`, `owner`… as seen from the first folder. */
  what: string;
}

const directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
const pieceBytes = 1024 * 1024;
/** Deeper folders are not looked into: each level holds two descriptors open. */
const deepest = 2000;

/**
 * The first thing in which two folders differ: names, types, owners, modes, sizes, times, devices, link targets, extended attributes, bytes. Times of folders
 * do not count, since an archive need not say them. Each step opens one component without following links.
 */
export function treeDifference(first: string, second: string): TreeDifference | undefined {
  const [one, two] = [openat(AT_FDCWD, first, directoryFlags), openat(AT_FDCWD, second, directoryFlags)];
  try {
    return (
      difference('', { parent: one, name: Buffer.from('.') }, { parent: two, name: Buffer.from('.') }) ??
      below('', one, two, 0)
    );
  } finally {
    closeSync(one);
    closeSync(two);
  }
}

interface Entry {
  parent: number;
  name: Buffer;
}

function below(path: string, one: number, two: number, depth: number): TreeDifference | undefined {
  const [names, others] = [namesIn(one), namesIn(two)];
  for (const name of others) if (!names.has(name)) return { path: join(path, name), what: 'missing' };
  for (const name of names) {
    const place = join(path, name);
    if (!others.has(name)) return { path: place, what: 'extra' };
    const bytes = Buffer.from(name, 'latin1');
    const found = difference(place, { parent: one, name: bytes }, { parent: two, name: bytes });
    if (found) return found;
    if (!isDirectory(statAt(one, bytes)) || depth === deepest) continue;
    const [left, right] = [openat(one, bytes, directoryFlags), openat(two, bytes, directoryFlags)];
    try {
      const inside = below(place, left, right, depth + 1);
      if (inside) return inside;
    } finally {
      closeSync(left);
      closeSync(right);
    }
  }
  return undefined;
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}/${name}`);

const namesIn = (fd: number): Set<string> =>
  new Set(readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).map((name) => name.toString('latin1')));

function difference(path: string, one: Entry, two: Entry): TreeDifference | undefined {
  const [left, right] = [statAt(one.parent, one.name), statAt(two.parent, two.name)];
  const isFolder = isDirectory(left) && isDirectory(right);
  const facts: [string, (status: FileStatus) => unknown][] = [
    ['type or mode', ({ mode }) => mode],
    ['owner', ({ uid, gid }) => `${uid}:${gid}`],
    ['device', ({ rdev }) => `${rdev.major}:${rdev.minor}`],
    ['size', ({ sizeBytes }) => (isFolder ? 0 : sizeBytes)],
    ['links', ({ nlink }) => (isFolder ? 0 : nlink)],
    ['time', ({ mtimeNs }) => (isFolder ? 0n : mtimeNs)],
  ];
  const odd = facts.find(([, fact]) => fact(left) !== fact(right));
  if (odd) return { path, what: odd[0] };
  if (attributes(one) !== attributes(two)) return { path, what: 'extended attributes' };
  if (isSymlink(left))
    return readlinkat(one.parent, one.name).equals(readlinkat(two.parent, two.name))
      ? undefined
      : { path, what: 'link target' };
  if (!isRegular(left) || sameBytes(one, two)) return undefined;
  return { path, what: 'content' };
}

function attributes({ parent, name }: Entry): string {
  const place = pathAt(parent, name.toString('latin1'));
  const target = Buffer.from(place, 'latin1');
  return listXattrs(target)
    .toSorted()
    .map((key) => `${key}=${getXattr(target, key)?.toString('hex')}`)
    .join('\n');
}

function sameBytes(one: Entry, two: Entry): boolean {
  const flags = O_RDONLY | O_NOFOLLOW;
  const [left, right] = [openat(one.parent, one.name, flags), openat(two.parent, two.name, flags)];
  const [first, second] = [Buffer.alloc(pieceBytes), Buffer.alloc(pieceBytes)];
  try {
    for (;;) {
      const size = readSync(left, first);
      if (readSync(right, second) !== size || first.compare(second, 0, size, 0, size) !== 0) return false;
      if (size === 0) return true;
    }
  } finally {
    closeSync(left);
    closeSync(right);
  }
}
