import { contentPadding, endOfArchive, formatMember } from '../../../foundation/archive/tar-writer.ts';
import { createTarReader } from '../../../foundation/archive/tar-reader.ts';
import type { TarEntry } from '../../../foundation/archive/tar-entry.ts';
import { formatPlatform } from '../../../foundation/oci/platform.ts';
import type { ImageAssembly } from '../../image/assemble/assembly.ts';
import type { PlatformResult } from './output.ts';

/** The files of the result. Of several platforms each has a folder, as with BuildKit: `linux_amd64/`. */
export function filesOf(
  images: Pick<ImageAssembly, 'tree'>,
  results: readonly PlatformResult[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const [only] = results;
  return only && results.length === 1 ? images.tree(only.image, signal) : side(images, results, signal);
}

async function* side(
  images: Pick<ImageAssembly, 'tree'>,
  results: readonly PlatformResult[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for (const { platform, image } of results)
    yield* below(formatPlatform(platform).replaceAll('/', '_'), images.tree(image, signal));
  yield endOfArchive;
}

/** The same members in a folder, without the end of the archive. */
async function* below(folder: string, tar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces: Buffer[] = [];
  let written = 0;
  let current: TarEntry | undefined;
  const add = (piece: Uint8Array): void => void pieces.push(Buffer.from(piece));
  const reader = createTarReader({
    entry(entry) {
      current = entry;
      written = 0;
      const { sparse: _, xattrs, atime: _atime, ...rest } = entry;
      const linkName = entry.type === 'hardlink' ? `${folder}/${entry.linkName}` : entry.linkName;
      add(
        formatMember({
          ...rest,
          name: `${folder}/${entry.name}`,
          linkName,
          ...(xattrs ? { xattrs } : {}),
        }),
      );
    },
    data(bytes, position) {
      // Holes are not delivered; here they are zeros.
      if (position > written) add(Buffer.alloc(position - written));
      add(bytes);
      written = position + bytes.length;
    },
    end() {
      const size = current?.type === 'file' ? current.size : 0;
      if (size > written) add(Buffer.alloc(size - written));
      if (size > 0) add(contentPadding(size));
    },
  });
  for await (const chunk of tar) {
    reader.push(chunk);
    yield* pieces;
    pieces = [];
  }
  reader.finish();
  yield* pieces;
}
