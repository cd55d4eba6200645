import { endOfArchive, contentPadding, formatMember } from './tar-writer.ts';
import { type TarLimits, defaultTarLimits } from './tar-limits.ts';
import { createTarReader } from './tar-reader.ts';

/** The same archive, uncompressed, in which no member is younger than that. */
export async function* clampTimes(
  archive: AsyncIterable<Uint8Array>,
  latestMtimeSec: number,
  limits: TarLimits = defaultTarLimits,
): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let size = 0;
  const reader = createTarReader(
    {
      entry(entry) {
        const { atime: _atime, xattrs, ...member } = entry;
        const mtime = entry.mtime.sec >= latestMtimeSec ? { sec: latestMtimeSec, nsec: 0 } : entry.mtime;
        pieces.push(formatMember({ ...member, mtime, ...(xattrs ? { xattrs } : {}) }));
        ({ size } = entry);
      },
      data: (bytes) => void pieces.push(Buffer.from(bytes)),
      end: () => void pieces.push(contentPadding(size)),
    },
    limits,
  );
  for await (const chunk of archive) {
    reader.push(Buffer.from(chunk));
    yield* pieces;
    pieces = [];
  }
  reader.finish();
  yield endOfArchive;
}
