import { isKind } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { type Digest, sha256 } from '../../../foundation/oci/digest.ts';
import { type Manifest, parseManifestDocument } from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import type { Reference } from '../../../foundation/oci/reference.ts';
import type { RegistryClient } from '../../../resources/distribution/distribution.ts';
import { referrersTag } from '../../../resources/distribution/list-referrers.ts';
import type { Context } from '../context.ts';
import { holdOutgoing, type OutgoingImage } from './outgoing.ts';
import { type BlobPush, pushBlobs } from './push-blobs.ts';
import { registryAccess } from '../remote/registry-access.ts';
import { canonicalName } from '../names/resolve.ts';

/** A signature of a list of packages of an image: who goes further has lost the way. */
const deepest = 3;
/** Of one image. */
const most = 100;

/** Everything that the registry lists as being about these manifests, and about that in turn, each once, bounded. */
export async function findReferrers(
  client: RegistryClient,
  repository: Reference,
  subjects: readonly Digest[],
  signal: AbortSignal | undefined,
): Promise<Descriptor[]> {
  const found = new Map<Digest, Descriptor>();
  let about = [...subjects];
  for (let depth = 0; depth < deepest && about.length > 0; depth++) {
    const listed: Descriptor[] = [];
    for (const subject of about) listed.push(...(await client.referrers(repository, subject, signal)));
    const fresh = listed.filter(({ digest }) => !found.has(digest) && !subjects.includes(digest));
    for (const descriptor of fresh) if (found.size < most) found.set(descriptor.digest, descriptor);
    about = [...new Set(fresh.map(({ digest }) => digest))].filter((digest) => found.has(digest));
  }
  return [...found.values()];
}

/** Sends what is here about manifests that the registry has now. */
export async function pushReferrers(
  context: Context,
  push: Omit<BlobPush, 'outgoing'>,
  target: Reference,
  sent: readonly Digest[],
): Promise<void> {
  const { lease, publisher, signal } = push;
  const { host, path } = target;
  for (const referrer of await referrersHere(context, sent)) {
    const outgoing = await holdOutgoing(context, lease, referrer.image);
    await pushBlobs(context, { ...push, outgoing: [outgoing] });
    const { digest, bytes, manifest } = outgoing;
    const document = { mediaType: manifest.mediaType, digest, bytes };
    const { listsReferrers } = await publisher.putManifest({ host, path, digest }, document, signal);
    if (!listsReferrers) await listByTag(context, push, target, { ...referrer, outgoing });
    faultPoint('image.push.referrer-sent');
    if (context.store.find(referrer.image.id))
      context.store.addDigest(canonicalName({ host, path, digest }), referrer.image.id);
  }
}

interface ReferrerHere {
  image: OutgoingImage['image'];
  subject: Digest;
}

/** Subjects before what is about them. */
async function referrersHere(
  { store, documents }: Context,
  sent: readonly Digest[],
): Promise<ReferrerHere[]> {
  const subjects = new Map<ReferrerHere['image'], Digest>();
  for (const image of store.list()) {
    if (image.form !== 'artifact') continue;
    const read = await documents.find(image.manifestDigest);
    const subject = read?.document.kind === 'manifest' ? read.document.manifest.subject : undefined;
    if (subject) subjects.set(image, subject.digest);
  }
  const about = new Set<Digest>(sent);
  const found: ReferrerHere[] = [];
  for (let depth = 0; depth < deepest; depth++)
    for (const [image, subject] of subjects) {
      if (!about.has(subject) || found.length === most) continue;
      found.push({ image, subject });
      about.add(image.manifestDigest);
      subjects.delete(image);
    }
  return found;
}

/** For a registry without a list of its own: the index under the tag for the subject gets one entry more. */
async function listByTag(
  context: Context,
  { request, publisher, signal }: Omit<BlobPush, 'outgoing'>,
  { host, path }: Reference,
  { subject, outgoing }: { subject: Digest; outgoing: OutgoingImage },
): Promise<void> {
  const tag = { host, path, tag: referrersTag(subject) };
  const client = context.registry(registryAccess(context, request));
  const known = await entriesOf(client, tag, signal);
  if (known.some(({ digest }) => digest === outgoing.digest)) return;
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [...known, entryOf(outgoing)],
  };
  const bytes = Buffer.from(JSON.stringify(index));
  await publisher.putManifest(tag, { mediaType: mediaTypes.ociIndex, digest: sha256(bytes), bytes }, signal);
}

async function entriesOf(client: RegistryClient, tag: Reference, signal: AbortSignal): Promise<Descriptor[]> {
  try {
    const { bytes, mediaType } = await client.manifest(tag, signal);
    const document = parseManifestDocument(bytes, mediaType);
    return document.kind === 'index' ? document.index.manifests : [];
  } catch (error) {
    if (isKind(error, 'not-found')) return [];
    throw error;
  }
}

const entryOf = ({ manifest, digest, bytes }: OutgoingImage): Descriptor => ({
  mediaType: manifest.mediaType,
  digest,
  size: bytes.byteLength,
  artifactType: artifactTypeOf(manifest),
  ...(manifest.annotations ? { annotations: manifest.annotations } : {}),
});

/** OCI distribution spec 1.1: that of the configuration where the manifest names none. */
const artifactTypeOf = ({ artifactType, config }: Manifest): string => artifactType ?? config.mediaType;
