import { createHash } from 'node:crypto';
import { corrupt, invalid } from '../../foundation/base/errors.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { BlobShelf } from '../../resources/registry/store.ts';

/** The whole of a small blob, compared with its digest. */
export async function readSmallBlob(
  blobs: Pick<BlobShelf, 'open'>,
  { repository, digest, limitBytes }: { repository: RepositoryName; digest: Digest; limitBytes: number },
): Promise<Uint8Array> {
  await using blob = await blobs.open(repository, digest);
  if (blob.sizeBytes > limitBytes)
    throw invalid(`${digest} has ${blob.sizeBytes} bytes: more than the limit of ${limitBytes}`);
  const chunks: Uint8Array[] = [];
  const stream =
    blob.content.kind === 'stream'
      ? blob.content.read(0, blob.sizeBytes)
      : blob.content.file.createReadStream({ start: 0, autoClose: false });
  for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (createHash(digestAlgorithm(digest)).update(bytes).digest('hex') !== digestHex(digest))
    throw corrupt(`blob ${digest} of ${repository} is damaged on disk`, {
      code: 'blob-damaged',
      hint: 'push it again',
    });
  return bytes;
}
