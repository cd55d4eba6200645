import { type BigIntStats, closeSync, constants, fstatSync, openSync, read, readSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { invalid } from '../../../foundation/base/errors.ts';
import type { LocalFolder } from '../../client/serve-folder.ts';
import { fileReason } from '../parse/read-file.ts';
import { factsOf, type FolderOptions, listFolder, type ListedPlace, statOf } from './list-folder.ts';

const pieceBytes = 1 << 20;
/** Files up to this size are read in one go: a turn of the thread pool takes longer than that. */
const smallBytes = 1 << 16;
const readPiece = promisify(read);

/** A folder of this machine as the context of a build. `onChanged` hears of files that changed while the build was given them. */
export function createLocalFolder(
  folder: string,
  options: FolderOptions & { onChanged: (path: string) => void },
): LocalFolder {
  const places: ListedPlace[] = [];
  async function* read(file: number): AsyncGenerator<Uint8Array, boolean> {
    const place = places[file];
    if (place === undefined) throw new TypeError('a file that was not listed');
    if (place.bytes !== undefined) {
      yield place.bytes;
      return true;
    }
    const { path, size } = place;
    const fd = openListed(join(folder, path), path);
    try {
      for (let done = 0; done < size;) {
        const piece = Buffer.allocUnsafe(Math.min(pieceBytes, size - done));
        const count =
          size <= smallBytes
            ? readSync(fd, piece, 0, piece.length, done)
            : (await readPiece(fd, piece, 0, piece.length, done)).bytesRead;
        if (count === 0) throw changed(path, 'became shorter while it was read');
        done += count;
        yield piece.subarray(0, count);
      }
      const isAsListed = factsOf(fstatSync(fd, { bigint: true })) === place.facts;
      if (!isAsListed) options.onChanged(path);
      return isAsListed;
    } finally {
      closeSync(fd);
    }
  }
  return {
    async *list() {
      for await (const { entry, place } of listFolder(folder, options)) {
        places.push(place);
        yield entry;
      }
    },
    async digest(file) {
      const hash = createHash('sha256');
      const pieces = read(file);
      for (;;) {
        const { done, value } = await pieces.next();
        if (done === true) return { digest: hash.digest(), isAsListed: value };
        hash.update(value);
      }
    },
    read,
  };
}

/** The file may have become anything since it was listed: links are not followed, pipes not waited for. */
function openListed(place: string, path: string): number {
  let fd: number;
  try {
    fd = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw invalid(`${path}: cannot read the file: ${fileReason(error)}`, {
      code: 'context-unreadable',
      cause: error,
    });
  }
  const status: BigIntStats = fstatSync(fd, { bigint: true });
  if (statOf(status).type === 'f') return fd;
  closeSync(fd);
  throw changed(path, 'became something else while the context was read');
}

const changed = (path: string, what: string) =>
  invalid(`${path}: the file ${what}`, {
    code: 'file-changed',
    hint: 'start the build again when nothing writes there, or leave the file out with a .dockerignore',
  });
