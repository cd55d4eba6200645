import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import { createPace } from '../../../foundation/base/pace.ts';
import type { FolderEntryJson } from '../../../foundation/wire/silo/build-session.ts';
import type { FolderMatch, IgnoreMatcher } from '../../../engine/build/language/ignore/ignore.ts';
import { fileReason } from '../parse/read-file.ts';

export interface FolderOptions {
  ignore?: IgnoreMatcher | undefined;
  /** Paths that go along although they are ignored: the engine needs them, and drops them again. */
  always: readonly string[];
  /** Files that are not in the folder, or go in place of those that are. */
  extra: readonly { name: string; bytes: Uint8Array }[];
  /** Nothing but what is extra. */
  isEmpty?: boolean;
}

/** Where a listed file is, and what it was like. */
export interface ListedPlace {
  path: string;
  size: number;
  facts: string;
  /** In place of a file on the disk. */
  bytes?: Uint8Array;
}

export interface Listed {
  entry: FolderEntryJson;
  place: ListedPlace;
}

interface Open {
  path: string;
  names: string[];
  match: FolderMatch | undefined;
}

/**
 * Files, directories and links of a folder, less what is ignored; sockets, pipes and devices stay out. Asks the kernel without the thread pool, which takes ten times
 * longer for so small questions, and lets others run in between.
 */
export async function* listFolder(
  root: string,
  { ignore, always, extra, isEmpty = false }: FolderOptions,
): AsyncGenerator<Listed> {
  const pace = createPace();
  const replaced = new Set(extra.map(({ name }) => name));
  const open: Open[] = [{ path: '', names: isEmpty ? [] : namesIn(root, ''), match: undefined }];
  for (let folder = open.at(-1); folder !== undefined; folder = open.at(-1)) {
    const name = folder.names.pop();
    if (name === undefined) {
      open.pop();
      continue;
    }
    const path = folder.path === '' ? name : `${folder.path}/${name}`;
    if (replaced.has(path)) continue;
    await pace();
    const answer = ignore?.ask(path, folder.match);
    const isIgnored = answer?.ignored === true;
    const status = statusOf(root, path);
    const { type } = statOf(status);
    if (type === 'd') {
      const isOnTheWay = always.some((each) => each.startsWith(`${path}/`));
      if (isIgnored && !isOnTheWay && !ignore?.mayHoldMore(path, answer.match)) continue;
      // The parents of a file that is taken in again are made where it arrives.
      if (!isIgnored) yield listed(root, path, status);
      open.push({ path, names: namesIn(root, path), match: answer?.match });
    } else if (type !== undefined && (!isIgnored || always.includes(path))) yield listed(root, path, status);
  }
  for (const { name, bytes } of extra)
    yield {
      entry: [toBytes(name), 'f', 0o644, bytes.length, 0, 0, ''],
      place: { path: name, size: bytes.length, facts: '', bytes },
    };
}

const toBytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** In reverse order: the next is taken from the end. */
function namesIn(root: string, path: string): string[] {
  const names = reading(path, () => readdirSync(join(root, path)));
  for (const name of names)
    if (name.includes('\ufffd'))
      throw invalid(`the name of a file in ${JSON.stringify(join(root, path))} is not UTF-8`, {
        code: 'bad-name',
        hint: 'rename it, or leave its folder out with a .dockerignore',
      });
  return names.sort().reverse();
}

const statusOf = (root: string, path: string): BigIntStats =>
  reading(path, () => lstatSync(join(root, path), { bigint: true }));

function reading<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw invalid(`cannot read ${path === '' ? 'the build context' : path}: ${fileReason(error)}`, {
      code: 'context-unreadable',
      cause: error,
      hint: 'leave out what the build does not need with a .dockerignore',
    });
  }
}

function listed(root: string, path: string, status: BigIntStats): Listed {
  const { type = 'f', mode, size, seconds, nanoseconds } = statOf(status);
  const facts = factsOf(status);
  const rest =
    type === 'l'
      ? toBytes(reading(path, () => readlinkSync(join(root, path))))
      : isSettled(status)
        ? facts
        : '';
  return {
    entry: [toBytes(path), type, mode, size, seconds, nanoseconds, type === 'd' ? '' : rest],
    place: { path, size, facts },
  };
}

/** What is sent of a status; no type for what is neither file nor directory nor link. */
export function statOf(status: BigIntStats) {
  const type: FolderEntryJson[1] | undefined = status.isFile()
    ? 'f'
    : status.isDirectory()
      ? 'd'
      : status.isSymbolicLink()
        ? 'l'
        : undefined;
  const seconds = Number(status.mtimeNs / second);
  const nanoseconds = Number(status.mtimeNs % second);
  return {
    type,
    mode: Number(status.mode) & 0o7777,
    size: type === 'f' ? Number(status.size) : 0,
    // Before 1970 the remainder is negative.
    seconds: nanoseconds < 0 ? seconds - 1 : seconds,
    nanoseconds: nanoseconds < 0 ? nanoseconds + 1e9 : nanoseconds,
  };
}

const second = 1_000_000_000n;

/** No write leaves these as they were: what is written changes the time of change, which nobody can set. */
export const factsOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs].map((each) => each.toString(36)).join('.');

/** File systems tell times in steps, of two seconds at most: a file that was changed just now may change again without showing it. */
const unsettledMs = 2000n;
const isSettled = ({ ctimeMs }: BigIntStats): boolean => BigInt(Date.now()) - ctimeMs > unsettledMs;
