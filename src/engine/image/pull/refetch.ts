import { notFound, toSiloError } from '../../../foundation/base/errors.ts';
import { shortId } from '../../../foundation/base/ids.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import { parseReference, withDigest } from '../../../foundation/oci/reference.ts';
import { bringBlob } from './bring-blob.ts';
import type { Context } from '../context.ts';
import type { ImageRecord } from '../image.ts';
import { registryAccess } from '../remote/registry-access.ts';
import { putSmall } from '../small-blobs.ts';

/**
 * Brings a blob of these images again, from wherever one of them came. Resolves to the place; kind `not-found` when none has it, or none of the images
 * came from a registry. Without credentials: the engine keeps none.
 */
export async function refetch(
  context: Context,
  images: readonly ImageRecord[],
  digest: Digest,
): Promise<string> {
  using lease = context.leases.open();
  await lease.hold(digest);
  const signal = new AbortController().signal;
  const failures: string[] = [];
  for (const image of images) {
    const descriptor = await describe(context, image, digest);
    for (const name of image.digests) {
      const reference = parseReference(name);
      const client = context.registry(registryAccess(context));
      try {
        if (descriptor) await bringBlob(context, { client, reference }, descriptor, { signal });
        else {
          const { bytes } = await client.manifest(withDigest(reference, digest), signal);
          await putSmall(context, bytes, digest);
        }
        return `${reference.host}/${reference.path}`;
      } catch (error) {
        failures.push(toSiloError(error).message);
      }
    }
  }
  throw notFound(
    failures.length === 0
      ? `blob ${shortId(digest)} came from no registry that is known`
      : `blob ${shortId(digest)} cannot be fetched again: ${failures.join('; ')}`,
    { code: 'cannot-refetch', hint: 'log in and pull the image again, or load it from an archive' },
  );
}

/** What the image's manifest says of its configuration or layer; undefined of manifests and indexes themselves. */
async function describe(
  context: Context,
  image: ImageRecord,
  digest: Digest,
): Promise<Descriptor | undefined> {
  const found = await context.documents.find(image.manifestDigest).catch(() => undefined);
  if (found?.document.kind !== 'manifest') return undefined;
  const { config, layers } = found.document.manifest;
  return [config, ...layers].find((each) => each.digest === digest);
}
