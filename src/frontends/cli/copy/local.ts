import { realpath, lstat, readlink, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { createExtractor } from '../../../foundation/archive/rooted/extract.ts';
import { packTree } from '../../../foundation/archive/rooted/pack.ts';
import { createTarReader } from '../../../foundation/archive/tar-reader.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { closeDescriptor, openat } from '../../../foundation/kernel/at.ts';
import { AT_FDCWD, O_NOFOLLOW, O_PATH } from '../../../foundation/kernel/flags.ts';
import { createReopener } from '../../../foundation/kernel/reopen.ts';
import { openRoot } from '../../../foundation/kernel/rooted.ts';
import { fileReason } from '../parse/read-file.ts';
import {
  afterLink,
  assertsDirectory,
  cleanPath,
  type CopyEnd,
  keepEnding,
  renameFirst,
  splitEntry,
} from './paths.ts';

/* The local ends of `silo cp`. */

/** Absolute, with the slash or dot that it ended in. */
export function absolute(cwd: string, path: string): string {
  return keepEnding(cleanPath(posix.resolve(cwd, path)), path);
}

/** What is copied into a container. Links among the parents are followed, the last one with `follow`. */
export async function findSource(path: string, options: { follow: boolean }): Promise<CopyEnd> {
  const ended = async <T>(call: string, work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw invalid(`${call} ${path}: ${fileReason(error)}`, { cause: error });
    });
  const found = options.follow
    ? afterLink(path, await ended('lstat', realpath(path)))
    : await sourceItself(path, (work) => ended('lstat', work));
  const status = await ended('lstat', assertsDirectory(found.path) ? stat(found.path) : lstat(found.path));
  if (assertsDirectory(found.path) && !status.isDirectory()) throw invalid(`lstat ${path}: not a directory`);
  return { ...found, exists: true, isDirectory: status.isDirectory() };
}

async function sourceItself(
  path: string,
  ended: <T>(work: Promise<T>) => Promise<T>,
): Promise<{ path: string; rebaseName?: string }> {
  // A last slash or dot leads through a link anyway.
  if (assertsDirectory(path)) return afterLink(path, await ended(realpath(path)));
  const { directory, base } = splitEntry(path);
  const parent = await ended(realpath(directory));
  return { path: base === '/' ? '/' : posix.join(parent, base) };
}

const mostLinks = 10;

/** Where something of a container is to go: it need not be there, but the directory above must. */
export async function findDestination(original: string): Promise<CopyEnd> {
  let path = original;
  for (let links = 0; ; links++) {
    const found = await lstat(cleanPath(path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw invalid(`lstat ${path}: ${fileReason(error)}`, { cause: error });
      return undefined;
    });
    if (!found) break;
    if (!found.isSymbolicLink()) return { path, exists: true, isDirectory: found.isDirectory() };
    if (links > mostLinks) throw invalid(`too many symlinks in ${original}`);
    path = posix.resolve(splitEntry(path).directory, await readlink(cleanPath(path)));
  }
  const { directory } = splitEntry(path);
  const parent = await stat(directory).catch(() => undefined);
  if (!parent) throw invalid(`invalid output path: directory ${JSON.stringify(directory)} does not exist`);
  if (!parent.isDirectory()) throw invalid('not a directory');
  return { path, exists: false, isDirectory: false };
}

/** Only files and directories can be replaced. */
export async function checkOutput(path: string): Promise<void> {
  const directory = posix.dirname(cleanPath(path));
  if (!(await stat(directory).catch(() => undefined)))
    throw invalid(`invalid output path: directory ${JSON.stringify(directory)} does not exist`);
  const found = await stat(path).catch(() => undefined);
  if (found && !found.isDirectory() && !found.isFile())
    throw invalid(
      `invalid output path: ${JSON.stringify(path)} must be a directory or a regular file: got ${found.isBlockDevice() || found.isCharacterDevice() ? 'a device' : 'an irregular file'}`,
    );
}

const latin1 = (path: string): string => Buffer.from(path).toString('latin1');

/** The archive of a local file or directory, in pieces that are the reader's to keep. */
export function* packLocal(source: CopyEnd, name: string): Generator<Buffer, void> {
  using reopener = createReopener();
  const place = openat(AT_FDCWD, source.path, O_PATH | O_NOFOLLOW);
  try {
    const options = { place, name: name === '/' ? '' : latin1(name), reopener, unreadable: 'fail' as const };
    for (const bytes of packTree(options)) yield Buffer.from(bytes);
  } finally {
    closeDescriptor(place);
  }
}

export interface ExtractLocal {
  directory: string;
  /** The first component of the archive's names, and what it becomes. */
  rename: { from: string; to: string };
  /** With the archive's owners, which only root may give. */
  keepOwners: boolean;
}

/** Extracts what came from a container. It is not believed: nothing outside of `directory` is reached, by name or by link. */
export async function extractLocal(archive: AsyncIterable<Uint8Array>, options: ExtractLocal): Promise<void> {
  const from = latin1(options.rename.from);
  const to = latin1(options.rename.to);
  using root = openRoot(options.directory);
  using extractor = createExtractor({
    root,
    destination: '/',
    shownAs: latin1(options.directory),
    keepKinds: true,
    owner: options.keepOwners ? undefined : 'creator',
  });
  const reader = createTarReader({
    entry(entry) {
      entry.name = renameFirst(entry.name, from, to);
      if (entry.type === 'hardlink') entry.linkName = renameFirst(entry.linkName, from, to);
      extractor.entry(entry);
    },
    data: (bytes, position) => extractor.data(bytes, position),
    end: () => extractor.end(),
  });
  for await (const chunk of archive) reader.push(chunk);
  reader.finish();
  extractor.finish();
}
