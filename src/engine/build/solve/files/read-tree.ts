import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { corrupt, invalid } from '../../../../foundation/base/errors.ts';
import { throwIfAborted } from '../../../../foundation/base/deadline.ts';
import { components, parentOf } from '../../../../foundation/archive/byte-path.ts';
import { decompress } from '../../../../foundation/archive/compression.ts';
import { expandRare } from '../../../../foundation/archive/rare-compression.ts';
import type { TarEntry } from '../../../../foundation/archive/tar-entry.ts';
import { contentPadding } from '../../../../foundation/archive/tar-writer.ts';
import { defaultTarLimits, displayName } from '../../../../foundation/archive/tar-limits.ts';
import { blockSize } from '../../../../foundation/archive/tar-header.ts';
import { createTarReader } from '../../../../foundation/archive/tar-reader.ts';
import { type TreeEntry, type Tree, treeOver, newFolder } from './tree.ts';

/** What a context or the files of a stage may cost. */
export const treeLimits = { ...defaultTarLimits, maxEntries: 1_000_000, maxTarBytes: 64 * 2 ** 30 };

const pieceBytes = 1 << 20;

export interface TreeOptions {
  /** The spooled file; it is removed with the tree's directory. */
  path: string;
  /** As messages name it. */
  what: string;
  signal?: AbortSignal | undefined;
}

/**
 * Reads an archive to its end. Contents go one after the other into a file; what there is beside them stays in memory. Kind `invalid` for names that lead out,
 * for files below something that is no directory, and for anything that does not fit the limits.
 */
export async function readTree(archive: AsyncIterable<Uint8Array>, options: TreeOptions): Promise<Tree> {
  const file = await open(options.path, 'wx+', 0o600);
  try {
    const index = createIndex(options.what);
    let closing: Promise<void> | undefined;
    let last = { at: 0, bytes: Buffer.alloc(0) };
    /** Contents lie in the order in which they are mostly read: one read serves many small files. */
    const window = async (at: number, most: number): Promise<Buffer> => {
      if (
        at < last.at ||
        at >= last.at + last.bytes.length ||
        at + Math.min(most, pieceBytes) > last.at + last.bytes.length
      ) {
        const piece = Buffer.allocUnsafe(pieceBytes);
        const { bytesRead } = await file.read(piece, 0, piece.length, at);
        if (bytesRead === 0) throw corrupt(`${options.what}: the spooled file ended early`);
        last = { at, bytes: piece.subarray(0, bytesRead) };
        return last.bytes.subarray(0, most);
      }
      return last.bytes.subarray(at - last.at, at - last.at + most);
    };
    const reader = createTarReader(index, treeLimits);
    let written = 0;
    for await (const chunk of decompress(archive, {
      expandRare,
      limits: { maxBytes: treeLimits.maxTarBytes, maxRatio: 1100, ratioFloorBytes: 2 ** 30 },
    })) {
      throwIfAborted(options.signal, `reading ${options.what}`);
      reader.push(chunk);
      // Small files come many to a chunk.
      const pieces = index.take();
      const piece = pieces.length === 1 ? (pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(pieces);
      for (let done = 0; done < piece.length;)
        done += (await file.write(piece, done, piece.length - done, written + done)).bytesWritten;
      written += piece.length;
    }
    // Docker's client ends an archive to which it added a Dockerfile with the last byte of that file.
    if (reader.offset === index.contentEnd()) reader.push(contentPadding(reader.offset));
    reader.finish();
    return await treeOver(index.whole(), {
      async *read({ at, size }) {
        for (let done = 0; done < size;) {
          const piece = await window(at + done, size - done);
          done += piece.length;
          yield piece;
        }
      },
      [Symbol.asyncDispose]: () => (closing ??= file.close()),
    });
  } catch (error) {
    await file.close();
    throw error;
  }
}

function createIndex(what: string) {
  const entries = new Map<string, TreeEntry>([['', newFolder]]);
  let pieces: Buffer[] = [];
  let offset = 0;
  let contentEnd = 0;
  let current: { entry: TreeEntry; hash: ReturnType<typeof createHash> } | undefined;
  const refuse = (name: string, why: string) =>
    invalid(`${what}: ${JSON.stringify(displayName(name))} ${why}`, { code: 'bad-context' });
  const pathOf = (name: string): string => {
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) throw refuse(name, 'leads out of the tree');
    return parts.join('/');
  };
  const addParents = (path: string, name: string): void => {
    let at = '';
    for (const part of components(parentOf(path))) {
      at = at === '' ? part : `${at}/${part}`;
      const known = entries.get(at);
      if (known === undefined) entries.set(at, newFolder);
      else if (known.type !== 'directory') throw refuse(name, 'lies below something that is no directory');
    }
  };
  const toEntry = (raw: TarEntry): TreeEntry => {
    const { mode, uid, gid, mtime, xattrs, devMajor, devMinor, size, linkName } = raw;
    if (raw.type !== 'hardlink')
      return {
        type: raw.type,
        mode,
        uid,
        gid,
        mtime,
        xattrs,
        devMajor,
        devMinor,
        size,
        linkName,
        at: offset,
        digest: '',
      };
    const target = entries.get(pathOf(linkName));
    if (target?.type !== 'file') throw refuse(raw.name, 'is a hard link to a file that is not there');
    return target;
  };
  return {
    entry(raw: TarEntry): void {
      if (raw.sparse !== undefined) throw refuse(raw.name, 'is a sparse file; pack it without holes');
      const path = pathOf(raw.name);
      addParents(path, raw.name);
      const entry = toEntry(raw);
      if (path === '' && entry.type !== 'directory') throw refuse(raw.name, 'cannot be the top of the tree');
      if (entry.type !== 'directory' && entries.get(path)?.type === 'directory')
        throw refuse(raw.name, 'is there twice, once as a directory');
      entries.set(path, entry);
      contentEnd = raw.offset + blockSize + raw.size;
      current = raw.type === 'file' ? { entry, hash: createHash('sha256') } : undefined;
    },
    data(bytes: Buffer): void {
      current?.hash.update(bytes);
      pieces.push(bytes);
      offset += bytes.length;
    },
    end(): void {
      if (current) current.entry.digest = current.hash.digest('hex');
      current = undefined;
    },
    /** Contents since the last call. */
    take(): Buffer[] {
      const taken = pieces;
      pieces = [];
      return taken;
    },
    whole: () => entries,
    /** Where the content of the last file ends, when nothing but its header stands before it. */
    contentEnd: () => contentEnd,
  };
}
