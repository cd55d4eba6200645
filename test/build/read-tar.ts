import type { TarEntry } from '../../src/foundation/archive/tar-entry.ts';
import { createTarReader } from '../../src/foundation/archive/tar-reader.ts';

/** The members of an archive by name. */
export function readTar(bytes: Buffer): Map<string, { entry: TarEntry; content: Buffer }> {
  const found = new Map<string, { entry: TarEntry; content: Buffer }>();
  let current = '';
  const reader = createTarReader({
    entry(entry) {
      current = entry.name;
      found.set(current, { entry, content: Buffer.alloc(entry.size) });
    },
    data: (piece, position) => void piece.copy(found.get(current)?.content ?? Buffer.alloc(0), position),
    end: () => undefined,
  });
  reader.push(bytes);
  reader.finish();
  return found;
}
