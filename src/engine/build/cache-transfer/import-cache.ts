import { isKind, toSiloError } from '../../../foundation/base/errors.ts';
import type { DiffId, Digest, ImageId } from '../../../foundation/oci/digest.ts';
import { manifestLimits, parseManifest, parseManifestDocument } from '../../../foundation/oci/manifest.ts';
import { isManifestType } from '../../../foundation/oci/media-types.ts';
import { familiarName, formatReference } from '../../../foundation/oci/reference.ts';
import type { ContentOrigin, OriginDocuments } from '../../image/assemble/assembly.ts';
import type { BuildDeps, BuildRequest } from '../solve/types.ts';
import type { CacheImport } from './cache-transfer.ts';
import { type CachedImage, cacheConfigType, inlineCacheKey, type ReadCache, readCache } from './format.ts';

/** What other builds say that they came to. It counts for this build alone. */
export interface ImportedCache {
  /** Who says so: the registries' names, and the contents of folders. */
  domain: string;
  /** What some files of a result come to. */
  findContent(origin: Digest): string | undefined;
  /** Its layers, when a cache has a result of the key. */
  findLayers(key: Digest): readonly DiffId[] | undefined;
  /** The image of a key; its layers are brought now. Undefined when no cache has it, or it cannot be had. */
  bring(key: Digest, signal: AbortSignal): Promise<ImageId | undefined>;
}

/** Further manifests of an index are of other builds; beyond these nobody looks. */
const mostManifests = 50;

/** Reads what is imported: documents only, no layer. What cannot be read is told as a warning. */
export async function openImports(
  deps: Pick<BuildDeps, 'images'>,
  request: BuildRequest,
): Promise<ImportedCache | undefined> {
  const imports = request.cacheFrom ?? [];
  if (imports.length === 0) return undefined;
  const signal = request.signal ?? new AbortController().signal;
  const opened = await Promise.all(
    imports.map(async (each, place) => {
      const origin = originOf(request, each, place);
      try {
        const { caches, digest } = await readCaches(deps.images.documents(origin), signal);
        if (caches.length === 0) warn(request, each, 'it has no cache of a build');
        const name = each.type === 'registry' ? formatReference(each.reference) : digest;
        return caches.map((cache) => ({ cache, origin, name }));
      } catch (error) {
        if (signal.aborted) throw error;
        warn(request, each, toSiloError(error).message);
        return [];
      }
    }),
  );
  const sources = opened.flat();
  if (sources.length === 0) return undefined;
  const brought = new Map<Digest, Promise<ImageId | undefined>>();
  const bring = async (key: Digest, stop: AbortSignal): Promise<ImageId | undefined> => {
    for (const { cache, origin } of sources) {
      const image = cache.images.get(key);
      if (!image) continue;
      const id = await restore(deps, request, { image, origin, signal: stop });
      if (id !== undefined) return id;
    }
    return undefined;
  };
  return {
    domain: [...new Set(sources.map(({ name }) => name))].sort().join(' '),
    findContent: (origin) => sources.map(({ cache }) => cache.contents.get(origin)).find(Boolean),
    findLayers: (key) =>
      sources
        .map(({ cache }) => cache.images.get(key))
        .find(Boolean)
        ?.layers.map(({ diffId }) => diffId),
    bring(key, stop) {
      const found = brought.get(key) ?? bring(key, stop);
      brought.set(key, found);
      return found;
    },
  };
}

function originOf(request: BuildRequest, each: CacheImport, place: number): ContentOrigin {
  if (each.type === 'local')
    return {
      kind: 'folder',
      open: (path) => request.client?.cached?.(place, path) ?? Promise.resolve(undefined),
    };
  const { reference, isInsecure } = each;
  const credentials = request.credentialsOf?.(reference.host);
  return { kind: 'registry', reference, isInsecure, ...(credentials ? { credentials } : {}) };
}

function warn({ onProgress }: BuildRequest, each: CacheImport, reason: string): void {
  const name = each.type === 'registry' ? familiarName(each.reference) : 'the folder';
  onProgress({
    kind: 'warning',
    rule: 'CacheNotImported',
    message: `no cache is taken from ${name}: ${reason}`,
  });
}

async function readCaches(
  documents: OriginDocuments,
  signal: AbortSignal,
): Promise<{ caches: ReadCache[]; digest: Digest }> {
  const { bytes: whole, mediaType: type, digest } = await documents.root(signal);
  const document = parseManifestDocument(whole, type);
  if (document.kind === 'manifest')
    return { caches: await readManifestCache(documents, whole, signal), digest };
  const caches: ReadCache[] = [];
  const entries = document.index.manifests.filter(({ mediaType }) => isManifestType(mediaType));
  for (const entry of entries.slice(0, mostManifests)) {
    if (entry.size > manifestLimits.documentBytes) continue;
    const { bytes } = await documents.manifest(entry, signal);
    caches.push(...(await readManifestCache(documents, bytes, signal)));
  }
  return { caches, digest };
}

async function readManifestCache(
  documents: OriginDocuments,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<ReadCache[]> {
  const manifest = parseManifest(bytes);
  const inline = manifest.annotations?.[inlineCacheKey];
  if (inline !== undefined) return [readCache(Buffer.from(inline), manifest.layers)];
  if (manifest.config.mediaType !== cacheConfigType) return [];
  return [
    readCache(await documents.small(manifest.config, manifestLimits.configBytes, signal), manifest.layers),
  ];
}

/** A layer that is damaged, or gone, makes a step run; it does not make a build fail. */
async function restore(
  { images }: Pick<BuildDeps, 'images'>,
  request: BuildRequest,
  { image, origin, signal }: { image: CachedImage; origin: ContentOrigin; signal: AbortSignal },
): Promise<ImageId | undefined> {
  try {
    const { id } = await images.restore({ ...image, from: origin, signal });
    return id;
  } catch (error) {
    if (signal.aborted || isKind(error, 'canceled') || isKind(error, 'exhausted')) throw error;
    request.onProgress({
      kind: 'warning',
      rule: 'CacheNotImported',
      message: `a step of a cache cannot be used: ${toSiloError(error).message}`,
    });
    return undefined;
  }
}
