import { type Digest, digestAlgorithm, sha256 } from '../../foundation/oci/digest.ts';
import type { Context } from './context.ts';

/** A configuration above this is refused; real ones have a few kilobytes. */
export const configLimitBytes = 4 * 1024 * 1024;

/**
 * Stores a manifest or a configuration; the digest is compared. The partial file has a name that follows from the digest, so that what a kill
 * leaves is used up by the next attempt.
 */
export function putSmall(
  context: Pick<Context, 'content' | 'smallWrites'>,
  bytes: Uint8Array,
  digest: Digest = sha256(bytes),
): Promise<Digest> {
  return context.smallWrites.run(digest, async () => {
    if (await context.content.find(digest)) return digest;
    const algorithm = digestAlgorithm(digest);
    await using ingest = await context.content.ingest(`small ${digest}`, { algorithm });
    try {
      if (ingest.offset > 0) await ingest.truncate();
      await ingest.write(bytes);
      await ingest.commit({ digest, sizeBytes: bytes.byteLength });
    } catch (error) {
      await ingest.abort();
      throw error;
    }
    return digest;
  });
}
