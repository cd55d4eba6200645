import { parseManifestDocument } from '../../../foundation/oci/manifest.ts';
import type { ChainId } from '../../../foundation/oci/digest.ts';
import type { Context } from '../context.ts';
import { ensureLayers } from './ensure-layers.ts';
import type { ImageRecord } from '../image.ts';
import { refetch } from './refetch.ts';
import { layerWishes } from './publish.ts';

/** How to unpack a layer of an image again, from its blob or from the registry that it came from. What a damaged one left is put out of the way first. */
export async function relayer(
  context: Context,
  image: ImageRecord,
  chainId: ChainId,
): Promise<(() => Promise<void>) | undefined> {
  const bytes = await context.content.readSmall(image.manifestDigest).catch(() => undefined);
  const document = bytes && parseManifestDocument(bytes);
  if (document?.kind !== 'manifest') return undefined;
  const wish = layerWishes(document.manifest, image.config).find((each) => each.chainId === chainId);
  if (!wish) return undefined;
  const isHere = (await context.content.find(wish.blob)) !== undefined;
  if (!isHere && image.digests.length === 0) return undefined;
  return async () => {
    using lease = context.leases.open();
    await lease.hold(chainId);
    await lease.hold(wish.blob);
    if (!(await context.content.find(wish.blob))) await refetch(context, [image], wish.blob);
    await context.layers.remove(chainId);
    await ensureLayers(context, [wish], { noteFor: () => () => undefined });
  };
}
