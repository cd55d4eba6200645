import { internal } from '../../../foundation/base/errors.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import { formatReference, type Reference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import { announcePush, announceTag } from '../announce.ts';
import type { Context } from '../context.ts';
import type { PushedTag } from '../transfers.ts';
import type { AssembleRequest, ImageSet } from './assembly.ts';
import type { Lease } from '../lease.ts';
import type { OutgoingImage } from '../push/outgoing.ts';
import type { OutgoingIndex } from '../push/outgoing-index.ts';
import { type CheckedImage, completeImages } from '../pull/publish.ts';
import { pushBlobs } from '../push/push-blobs.ts';
import { createMounts, sendIndex } from '../push/push.ts';
import { registryAccess } from '../remote/registry-access.ts';
import { canonicalName } from '../names/resolve.ts';
import { blobsOf } from '../archive/save.ts';
import { writeArchive } from '../archive/write-archive.ts';

/** One platform of a set. */
export interface Part {
  outgoing: OutgoingImage;
  descriptor: Descriptor;
  /** In the index. */
  entry: Descriptor;
  /** Attestations about it. */
  attached: readonly OutgoingImage[];
}

interface Assembled {
  parts: readonly Part[];
  index: OutgoingIndex | undefined;
  request: AssembleRequest;
  letGo: () => Promise<void>;
}

export function createImageSet(context: Context, lease: Lease, assembled: Assembled): ImageSet {
  const { parts, index, request } = assembled;
  const [first] = parts;
  if (!first) throw internal('a set of no images');
  const root = index?.descriptor ?? first.descriptor;
  return {
    root,
    manifests: parts.map(({ outgoing, descriptor }) => ({
      image: outgoing.image.id,
      manifest: descriptor,
      config: outgoing.manifest.config,
    })),
    async publish(names) {
      if (names.length === 0) return;
      const tags = names.map(withDefaultTag);
      const [own, ...others] = parts.map((part) => checkedImage(part, index));
      if (!own) return;
      const record = await completeImages(context, lease, [own, ...others], {
        signal: request.signal,
        names: { tags: tags.map(formatReference), digests: [], target: root.digest },
        noteFor: () => () => undefined,
      });
      for (const tag of tags) announceTag(context, record, tag);
    },
    push: (push) => pushSet(context, lease, { ...assembled, first, root }, push),
    async *archive(kind, names, signal = new AbortController().signal) {
      const { rootAnnotations } = request;
      const chosen = {
        outgoing: first.outgoing,
        names,
        ...(index ? { index } : {}),
        ...(rootAnnotations ? { annotations: rootAnnotations } : {}),
      };
      const blobs = new Map<Digest, number>();
      await blobsOf(context, lease, chosen, { blobs, signal });
      yield* writeArchive(context, { chosen: [chosen], blobs, kind, signal });
    },
    [Symbol.asyncDispose]: assembled.letGo,
  };
}

/** As the store wants it, attestations and the index among its blobs. */
function checkedImage({ outgoing, attached }: Part, index: OutgoingIndex | undefined): CheckedImage {
  const { image, manifest, digest } = outgoing;
  return {
    id: image.id,
    manifest,
    manifestDigest: digest,
    config: image.config,
    form: image.form,
    ...(image.parent ? { parent: image.parent } : {}),
    ...(index ? { above: [index.root.digest] } : {}),
    attached: attached.flatMap((each) => [
      { mediaType: each.manifest.mediaType, digest: each.digest, size: each.bytes.byteLength },
      each.manifest.config,
      ...each.manifest.layers,
    ]),
  };
}

async function pushSet(
  context: Context,
  lease: Lease,
  { parts, index, first, root }: Assembled & { first: Part; root: Descriptor },
  request: Parameters<ImageSet['push']>[0],
): Promise<PushedTag> {
  const { credentials, onProgress, signal = new AbortController().signal, isInsecure } = request;
  const outgoing = index?.manifests ?? parts.map((part) => part.outgoing);
  const wanted = outgoing.flatMap(({ manifest }) => [manifest.config, ...manifest.layers]);
  const { host, path, tag } = request.reference;
  const target: Reference = tag === undefined ? { host, path, digest: root.digest } : { host, path, tag };
  const mounts = createMounts(
    context,
    target,
    wanted.map(({ digest }) => digest),
  );
  const publisher = context.publisher({
    ...registryAccess(context, { credentials, insecureHost: isInsecure ? host : undefined }),
    pushes: { mountsFrom: mounts.repositories },
  });
  const push = {
    request: { ...request, reference: target },
    lease,
    publisher,
    mountFor: mounts.find,
    signal,
  };
  if (index) await sendIndex(context, push, target, index);
  else {
    await pushBlobs(context, { ...push, outgoing });
    const { bytes, digest } = first.outgoing;
    await publisher.putManifest(target, { mediaType: root.mediaType, digest, bytes }, signal);
  }
  const name = canonicalName({ host, path, digest: root.digest });
  for (const {
    outgoing: { image },
  } of parts)
    if (context.store.find(image.id)?.tags.length) context.store.addDigest(name, image.id);
  announcePush(context, first.outgoing.image, target);
  const pushed = { tag: tag ?? '', digest: root.digest, sizeBytes: root.size };
  onProgress?.({ kind: 'tag', ...pushed });
  return pushed;
}
