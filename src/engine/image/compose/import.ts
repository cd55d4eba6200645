import type { Readable } from 'node:stream';
import { decompressed } from '../../../foundation/archive/compression-streams.ts';
import { hostPlatform } from '../../../foundation/oci/platform.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import { announceImage } from '../announce.ts';
import { applyChanges } from './changes.ts';
import type { Context } from '../context.ts';
import type { ImportOptions, TransferOptions } from '../transfers.ts';
import { makeRootfsImage } from './rootfs-image.ts';

/** The layer is kept uncompressed: its digest is then its diff id, so that one pass over the stream is enough. */
export async function importRootfs(
  context: Context,
  archive: Readable,
  options: TransferOptions & ImportOptions,
): Promise<ImageId> {
  const { reference, signal, onProgress } = options;
  const run = applyChanges({}, options.changes ?? []);
  const image = await makeRootfsImage(context, {
    tar: decompressed(archive),
    platform: options.platform ?? hostPlatform(),
    run,
    createdAtMs: options.createdAtMs ?? context.now(),
    comment: options.message ?? 'Imported from -',
    ...(reference ? { reference } : {}),
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  });
  announceImage(context, 'import', image);
  return image.id;
}
