import { detectCompression } from '../../../foundation/archive/compression.ts';
import { blockSize } from '../../../foundation/archive/tar-header.ts';
import type { BlobInfo, ContentStore } from '../../../resources/content/content.ts';

/** Below this an unpacker costs more time than it saves. */
const worthwhileBytes = 256 * 1024;

/** A guess by the first block: compressed, or with the mark of a tar archive. Documents are neither. */
export async function looksLikeLayer(content: Pick<ContentStore, 'read'>, blob: BlobInfo): Promise<boolean> {
  if (blob.sizeBytes < worthwhileBytes) return false;
  const chunks: Buffer[] = [];
  for await (const chunk of await content.read(blob.digest, { end: blockSize })) chunks.push(chunk as Buffer);
  const head = Buffer.concat(chunks);
  return detectCompression(head) !== 'none' || head.toString('latin1', 257, 262) === 'ustar';
}
