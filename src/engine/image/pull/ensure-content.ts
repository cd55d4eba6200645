import { isKind, notFound } from '../../../foundation/base/errors.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import { layerType } from '../../../foundation/oci/media-types.ts';
import type { Context, LayerNote } from '../context.ts';
import type { Lease } from '../lease.ts';

/** Brings one blob into the content store. */
export type BringContent = (
  descriptor: Descriptor,
  options: { signal: AbortSignal; onNote: (note: LayerNote) => void },
) => Promise<void>;

export interface ContentOptions {
  signal?: AbortSignal | undefined;
  noteFor: (layer: { blob: Digest }) => (note: LayerNote) => void;
  bringContent?: BringContent;
}

/**
 * The blobs are in the content store afterwards, side by side as far as they have to be brought. Gives those that are not: foreign layers, which a
 * registry need not have. Their addresses are never followed: an image must not send the engine anywhere.
 */
export async function ensureContent(
  context: Context,
  lease: Lease,
  wanted: readonly Descriptor[],
  { signal: outer, noteFor, bringContent = nowhere }: ContentOptions,
): Promise<Set<Digest>> {
  const failed = new AbortController();
  const signal = outer ? AbortSignal.any([outer, failed.signal]) : failed.signal;
  let failure: { error: unknown } | undefined;
  const absent = new Set<Digest>();
  const bring = async (descriptor: Descriptor): Promise<void> => {
    const { digest, size, mediaType } = descriptor;
    await lease.hold(digest);
    if ((await context.content.find(digest))?.sizeBytes === size) return;
    try {
      await bringContent(descriptor, { signal, onNote: noteFor({ blob: digest }) });
    } catch (error) {
      if (isKind(error, 'not-found') && layerType(mediaType)?.foreign) absent.add(digest);
      else {
        failure ??= { error };
        failed.abort(error);
      }
    }
  };
  const unique = new Map(wanted.map((descriptor) => [descriptor.digest, descriptor]));
  await Promise.all([...unique.values()].map(bring));
  if (failure) throw failure.error;
  return absent;
}

function nowhere({ digest }: Descriptor): Promise<never> {
  return Promise.reject(notFound(`blob ${digest} is missing`, { code: 'blob-missing' }));
}
