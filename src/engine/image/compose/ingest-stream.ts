import { randomUUID } from 'node:crypto';
import { unavailable } from '../../../foundation/base/errors.ts';
import { throwIfAborted } from '../../../foundation/base/deadline.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import type { BlobInfo, Ingest } from '../../../resources/content/content.ts';
import type { Context } from '../context.ts';
import type { Lease } from '../lease.ts';

/** Writes are cheapest in pieces of this size. */
const pieceBytes = 1 << 20;

/** Stores a blob whose digest is known only at its end. A broken stream leaves nothing. */
export async function ingestStream(
  context: Pick<Context, 'content'>,
  lease: Lease,
  source: AsyncIterable<Uint8Array>,
  options: { signal?: AbortSignal | undefined; what: string; onBytes?: (bytes: number) => void },
): Promise<BlobInfo> {
  await using ingest = await context.content.ingest(`stream-${randomUUID()}`);
  try {
    for await (const piece of inPieces(source)) {
      throwIfAborted(options.signal, options.what);
      await ingest.write(piece);
      options.onBytes?.(ingest.offset);
    }
    return await commitHeld(context, lease, ingest);
  } catch (error) {
    await ingest.abort();
    throw error;
  }
}

/** Publishes the blob and holds it. Its digest was unknown until now, so a sweep could have seen it in between. */
export async function commitHeld(
  context: Pick<Context, 'content'>,
  lease: Lease,
  ingest: Ingest,
  expected?: { digest: Digest },
): Promise<BlobInfo> {
  const blob = await ingest.commit(expected);
  await lease.hold(blob.digest);
  if (await context.content.find(blob.digest)) return blob;
  throw unavailable(`blob ${blob.digest} was swept while it was being stored`, { hint: 'try again' });
}

/** The same bytes in larger pieces. */
export async function* inPieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    gathered.push(chunk);
    size += chunk.byteLength;
    if (size < pieceBytes) continue;
    yield gathered.length === 1 ? chunk : Buffer.concat(gathered);
    gathered = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(gathered);
}
