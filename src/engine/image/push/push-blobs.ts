import { faultPoint } from '../../../foundation/base/fault.ts';
import { shortId } from '../../../foundation/base/ids.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import type { RegistryPublisher } from '../../../resources/distribution/distribution.ts';
import type { Context } from '../context.ts';
import type { ImageRecord } from '../image.ts';
import type { PushPhase, PushRequest } from '../transfers.ts';
import type { Lease } from '../lease.ts';
import { type OutgoingImage, type OutgoingManifest, requireBlob } from './outgoing.ts';
import { runInTurn } from '../shared-work.ts';

export interface BlobPush {
  request: Pick<PushRequest, 'reference' | 'credentials' | 'onProgress'>;
  lease: Lease;
  outgoing: readonly (OutgoingManifest & Pick<OutgoingImage, 'image'>)[];
  publisher: RegistryPublisher;
  mountFor: (digest: Digest) => string | undefined;
  signal: AbortSignal;
}

/** All blobs side by side, each once. The first failure stops the others and is thrown when all have ended. */
export async function pushBlobs(context: Context, push: BlobPush): Promise<void> {
  const { outgoing, request } = push;
  const failed = new AbortController();
  const signal = AbortSignal.any([push.signal, failed.signal]);
  let failure: { error: unknown } | undefined;
  const wishes = new Map<Digest, Wish>();
  // From the top, as Docker shows them.
  for (const { image, layers, manifest } of outgoing) {
    for (const { descriptor, diffId, isForeign } of layers.toReversed()) {
      const note: NoteOf = (phase, more) =>
        request.onProgress?.({ kind: 'layer', id: shortId(diffId), phase, ...more });
      if (isForeign) note('skipped');
      else if (!wishes.has(descriptor.digest)) {
        note('preparing');
        wishes.set(descriptor.digest, { image, descriptor, note });
      }
    }
    const { config } = manifest;
    wishes.set(config.digest, { image, descriptor: config, note: () => undefined });
  }
  await Promise.all(
    [...wishes.values()].map(async (wish) => {
      try {
        await runInTurn(context.uploadTurns, signal, 'the push', () =>
          pushBlob(context, { ...push, signal }, wish),
        );
      } catch (error) {
        failure ??= { error };
        failed.abort(error);
      }
    }),
  );
  if (failure) throw failure.error;
  faultPoint('image.push.blobs-sent');
}

interface Wish {
  image: ImageRecord;
  descriptor: Descriptor;
  note: NoteOf;
}

type NoteOf = (
  phase: PushPhase,
  more?: { currentBytes?: number; totalBytes?: number; from?: string },
) => void;

async function pushBlob(context: Context, push: BlobPush, { image, descriptor, note }: Wish): Promise<void> {
  const { publisher, request, lease, signal } = push;
  const { reference, credentials } = request;
  const totalBytes = descriptor.size;
  if (await publisher.hasBlob(reference, descriptor, signal)) return note('exists');
  const mountFrom = push.mountFor(descriptor.digest);
  const ownBlob = (): ReturnType<typeof requireBlob> =>
    requireBlob(context, lease, {
      image,
      descriptor,
      credentials: credentials && { host: reference.host, value: credentials },
      signal,
    });
  // What may be mounted need not be here.
  if (mountFrom === undefined) await ownBlob();
  const outcome = await publisher.upload(reference, descriptor, {
    mountFrom,
    signal,
    onProgress: (currentBytes) => note('pushing', { currentBytes, totalBytes }),
    async *open(range) {
      await ownBlob();
      yield* await context.content.read(descriptor.digest, range);
    },
  });
  if (outcome === 'mounted' && mountFrom !== undefined) note('mounted', { from: mountFrom });
  else note('pushed');
}
