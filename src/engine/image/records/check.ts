import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Damage, MoveAside } from '../../../foundation/base/damage.ts';
import { shortId } from '../../../foundation/base/ids.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../../foundation/oci/digest.ts';
import { familiarName, parseReference } from '../../../foundation/oci/reference.ts';
import type { Context } from '../context.ts';
import type { ImageRecord } from '../image.ts';
import { damagedLayers } from '../pull/check-layers.ts';
import { refetch } from '../pull/refetch.ts';
import { relayer } from '../pull/relayer.ts';
import { removeUnreached } from './sweep.ts';

export interface ImageCheckOptions {
  /** Read every blob and compare its digest. */
  rehash: boolean;
  moveAside: MoveAside;
}

/** Compares the records of images with the stores, in both directions. Safe beside transfers: what they hold is no orphan. */
export async function* checkImages(context: Context, options: ImageCheckOptions): AsyncGenerator<Damage> {
  for (const image of context.store.list()) yield* checkImage(context, image);
  yield* orphans(context);
  if (!options.rehash) return;
  yield* damagedBlobs(context, options);
  yield* damagedLayers(context, nameOf);
}

async function* checkImage(context: Context, image: ImageRecord): AsyncGenerator<Damage> {
  const name = nameOf(image);
  for (const chainId of image.layers) {
    const condition = await context.layers.check(chainId);
    if (condition === 'whole') continue;
    // What is left of a damaged one may be mounted.
    const isMounted = condition === 'damaged' && new Set(context.users.layersInUse()).has(chainId);
    const repair = isMounted ? undefined : await relayer(context, image, chainId);
    yield {
      kind: `${condition}-layer`,
      subject: chainId,
      message: `layer ${shortId(chainId)} of image ${name} is ${condition}: ${repair ? 'it can be unpacked again' : 'remove its containers, pull the image again'}`,
      ...(repair ? { repair } : {}),
    };
  }
  if (image.form !== 'unpacked')
    for (const digest of context.store.blobsOf(image.id))
      if (!(await context.content.find(digest)))
        yield {
          kind: 'missing-blob',
          subject: digest,
          message: `blob ${shortId(digest)} of image ${name} is missing: pull it again`,
          ...refetching(context, [image], digest),
        };
  if (image.form === 'artifact') return;
  for (const [digest, what] of [
    [image.manifestDigest, 'manifest'],
    [image.id, 'configuration'],
  ] as const)
    if (!(await context.content.find(digest)))
      yield {
        kind: what === 'manifest' ? 'name-without-manifest' : 'missing-blob',
        subject: digest,
        message: `the ${what} of image ${name} is missing: containers run, but it cannot be pushed or saved; pull it again`,
        ...refetching(context, [image], digest),
      };
}

async function* orphans(context: Context): AsyncGenerator<Damage> {
  const { content, layers, store, users, leases } = context;
  const inUse = new Set(users.layersInUse());
  for (const { chainId } of await layers.list())
    if (!store.hasLayer(chainId) && !inUse.has(chainId) && !leases.isHeld(chainId))
      yield {
        kind: 'orphan-layer',
        subject: chainId,
        message: `layer ${shortId(chainId)} belongs to no image and no container`,
        repair: () => removeUnreached(context, { layers: [chainId], blobs: [] }),
      };
  for (const { digest, sizeBytes } of await content.list())
    if (!store.hasBlob(digest) && !leases.isHeld(digest))
      yield {
        kind: 'orphan-blob',
        subject: digest,
        message: `blob ${shortId(digest)} (${sizeBytes} bytes) belongs to no image`,
        repair: () => removeUnreached(context, { layers: [], blobs: [digest] }),
      };
}

/** One after the other, with pauses: the check must not take a processor from those who work. */
async function* damagedBlobs(context: Context, { moveAside }: ImageCheckOptions): AsyncGenerator<Damage> {
  const { content, store } = context;
  for (const { digest, path } of await content.list()) {
    const hash = createHash(digestAlgorithm(digest));
    try {
      for await (const chunk of createReadStream(path, { highWaterMark: 512 * 1024 })) {
        hash.update(chunk as Buffer);
        await nextTurn();
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw error;
    }
    if (hash.digest('hex') === digestHex(digest)) continue;
    const owners = store.list().filter(({ id }) => store.blobsOf(id).includes(digest));
    yield {
      kind: 'damaged-blob',
      subject: digest,
      message: `blob ${shortId(digest)} of ${owners.map(nameOf).join(', ') || 'no image'} is damaged on disk; it is moved aside and fetched again from where it came`,
      async repair() {
        await moveAside(path);
        // What came from no registry is told as missing by the next check.
        return owners.some(({ digests }) => digests.length > 0)
          ? `fetched again from ${await refetch(context, owners, digest)}`
          : 'moved aside, it came from no registry';
      },
    };
  }
}

/** Only what came from a registry can come again. */
function refetching(
  context: Context,
  images: readonly ImageRecord[],
  digest: Digest,
): Pick<Damage, 'repair'> {
  if (images.every(({ digests }) => digests.length === 0)) return {};
  return { repair: async () => `fetched again from ${await refetch(context, images, digest)}` };
}

function nameOf({ id, tags }: ImageRecord): string {
  const [tag] = tags;
  return tag === undefined ? shortId(id) : familiarName(parseReference(tag));
}
