import { constants } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import { contentPadding, endOfArchive, formatMember } from '../../../foundation/archive/tar-writer.ts';
import type { FolderMatch, IgnoreMatcher } from '../../../engine/build/language/ignore/ignore.ts';

export interface PackOptions {
  ignore?: IgnoreMatcher | undefined;
  /** Paths that go along although they are ignored: the daemon needs them, and drops them again. */
  always: readonly string[];
  /** Files that are not in the folder, or go in place of those that are. */
  extra: readonly { name: string; bytes: Uint8Array }[];
}

const pieceBytes = 1 << 18;

/** A tar of a folder, less what is ignored: files, directories and links as they are; sockets, pipes and devices stay out. */
export async function* packContext(folder: string, options: PackOptions): AsyncGenerator<Buffer> {
  const replaced = new Set(options.extra.map(({ name }) => name));
  yield* packFolder(folder, '', undefined, { ...options, replaced });
  for (const { name, bytes } of options.extra) {
    yield formatMember({
      type: 'file',
      name: toBytes(name),
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: bytes.length,
      mtime: { sec: 0, nsec: 0 },
    });
    yield Buffer.from(bytes);
    yield contentPadding(bytes.length);
  }
  yield endOfArchive;
}

const toBytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

async function* packFolder(
  root: string,
  folder: string,
  match: FolderMatch | undefined,
  options: PackOptions & { replaced: ReadonlySet<string> },
): AsyncGenerator<Buffer> {
  const { ignore, always, replaced } = options;
  for (const name of (await readdir(join(root, folder))).sort()) {
    if (name.includes('\ufffd'))
      throw invalid(`the name of a file in ${JSON.stringify(join(root, folder))} is not UTF-8`, {
        code: 'bad-name',
      });
    const path = folder === '' ? name : `${folder}/${name}`;
    if (replaced.has(path)) continue;
    const answer = ignore?.ask(path, match);
    const status = await lstat(join(root, path));
    if (status.isDirectory()) {
      const isOnTheWay = always.some((each) => each.startsWith(`${path}/`));
      const isIgnored = answer?.ignored === true;
      if (isIgnored && !isOnTheWay && !ignore?.mayHoldMore(path, answer.match)) continue;
      // The parents of a file that is taken in again are made where it arrives.
      if (!isIgnored) yield formatMember({ ...factsOf(status), type: 'directory', name: toBytes(path) });
      yield* packFolder(root, path, answer?.match, options);
    } else if (answer?.ignored !== true || always.includes(path))
      yield* packFile(join(root, path), path, status);
  }
}

type Status = Awaited<ReturnType<typeof lstat>>;

const factsOf = ({ mode, mtimeMs }: Status) => ({
  mode: Number(mode) & 0o7777,
  uid: 0,
  gid: 0,
  mtime: { sec: Math.floor(Number(mtimeMs) / 1000), nsec: 0 },
});

async function* packFile(place: string, path: string, status: Status): AsyncGenerator<Buffer> {
  const name = toBytes(path);
  if (status.isSymbolicLink()) {
    yield formatMember({
      ...factsOf(status),
      type: 'symlink',
      name,
      linkName: toBytes(await readlink(place)),
    });
    return;
  }
  if (!status.isFile()) return;
  const file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await file.stat();
    yield formatMember({ ...factsOf(status), type: 'file', name, size });
    for (let done = 0; done < size;) {
      const piece = Buffer.allocUnsafe(Math.min(pieceBytes, size - done));
      const { bytesRead } = await file.read(piece, 0, piece.length, done);
      if (bytesRead === 0)
        throw invalid(`${path}: the file became shorter while it was read`, { code: 'file-changed' });
      done += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
    yield contentPadding(size);
  } finally {
    await file.close();
  }
}
