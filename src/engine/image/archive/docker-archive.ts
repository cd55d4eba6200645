import { invalid } from '../../../foundation/base/errors.ts';
import { detectCompression, magicBytes } from '../../../foundation/archive/compression.ts';
import { type JsonObject, parseJsonDocument } from '../../../foundation/oci/bounded-json.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { type Digest, sha256 } from '../../../foundation/oci/digest.ts';
import { parseImageConfig } from '../../../foundation/oci/image-config.ts';
import { manifestLimits } from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import type { Reference } from '../../../foundation/oci/reference.ts';
import type { Context } from '../context.ts';
import { identify } from '../form.ts';
import type { Lease } from '../lease.ts';
import type { CheckedImage } from '../pull/publish.ts';
import { manifestOf } from '../compose/rootfs-image.ts';
import { configLimitBytes, putSmall } from '../small-blobs.ts';
import type { ArchiveContent } from './archive-content.ts';
import { type ArchivedImages, parseName, type PlainImage } from './archived-image.ts';
import { layoutImages } from './oci-layout.ts';

const imageLimit = 1_000;
const nameLimit = 1_000;

/** The images of `manifest.json`: an array of `{Config, RepoTags, Layers}` with paths in the archive; then what only the OCI layout beside it has. */
export async function dockerImages(
  context: Context,
  lease: Lease,
  archive: ArchiveContent,
  { document, layout }: { document: Uint8Array; layout: Uint8Array | undefined },
): Promise<ArchivedImages[]> {
  const described = layout ? await layoutImages(context, lease, layout).catch(() => []) : [];
  const found: ArchivedImages[] = [];
  const configs = new Set<Digest>();
  for (const entry of parseArray(document)) {
    const { config, references } = readEntry(archive, entry);
    configs.add(config);
    // Docker 25 and later save the registry's own documents too: the image keeps its digest.
    const original = described.find(({ images }) => images.some(({ id }) => id === config));
    found.push(
      original
        ? { ...original, references }
        : { images: [await plainImage(context, lease, archive, { config, entry })], references },
    );
  }
  return [...found, ...described.filter(({ images }) => !images.some(({ id }) => configs.has(id)))];
}

function parseArray(document: Uint8Array): JsonObject[] {
  const wrapped = Buffer.concat([Buffer.from('{"images":'), document, Buffer.from('}')]);
  const images = parseJsonDocument(wrapped, 'manifest.json', manifestLimits.documentBytes * 2);
  return images.objects('images', imageLimit) ?? [];
}

function readEntry(archive: ArchiveContent, entry: JsonObject): { config: Digest; references: Reference[] } {
  const path = entry.string('Config');
  if (path === undefined) throw invalid(`${entry.where}: "Config" is missing`);
  return {
    config: archive.get(path),
    references: (entry.strings('RepoTags', nameLimit) ?? []).map(parseName),
  };
}

async function plainImage(
  context: Context,
  lease: Lease,
  archive: ArchiveContent,
  { config, entry }: { config: Digest; entry: JsonObject },
): Promise<CheckedImage> {
  const layers: (Descriptor | undefined)[] = [];
  for (const path of entry.strings('Layers', manifestLimits.layers) ?? []) {
    const digest = archive.find(path);
    layers.push(digest && (await describeLayer(context, digest)));
  }
  return withManifest(context, lease, { config, layers });
}

/** An image that came without a manifest gets one. */
async function withManifest(context: Context, lease: Lease, plain: PlainImage): Promise<CheckedImage> {
  const bytes = await context.content.readSmall(plain.config, configLimitBytes);
  const config = parseImageConfig(bytes, plain.layers.length);
  const manifest = manifestOf(
    { mediaType: mediaTypes.ociConfig, digest: plain.config, size: bytes.byteLength },
    plain.layers.map(
      // A layer that the archive left out is taken as it is when uncompressed; it may be unpacked here already.
      (layer, place) =>
        layer ?? {
          mediaType: mediaTypes.ociLayer,
          digest: config.rootfs.diff_ids[place] ?? plain.config,
          size: 0,
        },
    ),
  );
  const document = Buffer.from(JSON.stringify(manifest));
  const manifestDigest = sha256(document);
  await lease.hold(manifestDigest);
  await putSmall(context, document, manifestDigest);
  return { ...identify(manifest, manifestDigest, bytes), manifest, manifestDigest };
}

async function describeLayer(context: Context, digest: Digest): Promise<Descriptor> {
  const head: Buffer[] = [];
  for await (const chunk of await context.content.read(digest, { end: magicBytes }))
    head.push(chunk as Buffer);
  const size = (await context.content.find(digest))?.sizeBytes ?? 0;
  return { mediaType: layerTypes[detectCompression(Buffer.concat(head))], digest, size };
}

const layerTypes = {
  none: mediaTypes.ociLayer,
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
} as const;
