import { invalid } from '../../../foundation/base/errors.ts';
import { detectCompression, magicBytes } from '../../../foundation/archive/compression.ts';
import { type JsonObject, parseJsonDocument } from '../../../foundation/oci/bounded-json.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import { manifestLimits } from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import type { Context } from '../context.ts';
import type { ArchiveContent } from './archive-content.ts';
import { type ArchivedImage, parseName } from './archived-image.ts';
import { layoutImages } from './oci-layout.ts';

const imageLimit = 1_000;
const nameLimit = 1_000;

/** The images of `manifest.json`: an array of `{Config, RepoTags, Layers}` with paths in the archive. */
export async function dockerImages(
  context: Context,
  archive: ArchiveContent,
  document: Uint8Array,
  layout: Uint8Array | undefined,
): Promise<ArchivedImage[]> {
  const entries = parseArray(document);
  const described = layout ? await layoutImages(context, layout).catch(() => []) : [];
  return Promise.all(entries.map((entry) => toImage(context, archive, entry, described)));
}

function parseArray(document: Uint8Array): JsonObject[] {
  const wrapped = Buffer.concat([Buffer.from('{"images":'), document, Buffer.from('}')]);
  const images = parseJsonDocument(wrapped, 'manifest.json', manifestLimits.documentBytes * 2);
  return images.objects('images', imageLimit) ?? [];
}

async function toImage(
  context: Context,
  archive: ArchiveContent,
  entry: JsonObject,
  described: readonly ArchivedImage[],
): Promise<ArchivedImage> {
  const path = entry.string('Config');
  if (path === undefined) throw invalid(`${entry.where}: "Config" is missing`);
  const config = archive.get(path);
  const references = (entry.strings('RepoTags', nameLimit) ?? []).map(parseName);
  // Docker 25 and later save the registry's own manifest too: the image keeps its digest.
  const original = described.find((image) => image.config === config);
  if (original) return { ...original, references };
  const layers: (Descriptor | undefined)[] = [];
  for (const layerPath of entry.strings('Layers', manifestLimits.layers) ?? []) {
    const digest = archive.find(layerPath);
    layers.push(digest && (await describeLayer(context, digest)));
  }
  return { config, layers, above: [], references };
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
