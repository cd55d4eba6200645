import { invalid } from '../../../foundation/base/errors.ts';
import { type JsonObject, parseJsonDocument } from '../../../foundation/oci/bounded-json.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { chainIds } from '../../../foundation/oci/chain-id.ts';
import { type ChainId, type DiffId, type Digest, parseDigest } from '../../../foundation/oci/digest.ts';
import type { ImageConfig, ImageHistory } from '../../../foundation/oci/image-config.ts';
import { manifestLimits } from '../../../foundation/oci/manifest.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';

/** Media type of the configuration of a manifest whose layers are a cache's. */
export const cacheConfigType = 'application/vnd.silo.buildcache.config.v1+json';
/** Annotation of an image's manifest that has the same document about its own layers. */
export const inlineCacheKey = 'silo.buildcache.v1';

/** A result: the key of a step, and the image that it led to. */
export interface CacheResult {
  key: Digest;
  image: ImageId;
}

/** `origin` says which files, and of which result. */
export interface KnownContent {
  origin: Digest;
  content: string;
}

export interface CacheContents {
  results: readonly CacheResult[];
  /** What files of results come to, where that is part of other keys. */
  contents: readonly KnownContent[];
  configOf: (image: ImageId) => ImageConfig;
}

/** What an image of a cache is made of. */
export interface CachedImage {
  layers: readonly { diffId: DiffId; descriptor?: Descriptor }[];
  config: Omit<ImageConfig, 'rootfs'>;
}

export interface ReadCache {
  images: ReadonlyMap<Digest, CachedImage>;
  contents: ReadonlyMap<Digest, string>;
}

const limits = { images: 10_000, results: 50_000, contents: 50_000, history: 20_000, perImage: 2_000 };

/** The document about a cache. Layers and lines of history stand once, images name them by their places. */
export function writeCache(
  { results, contents, configOf }: CacheContents,
  placeOf: (chainId: ChainId) => number | undefined,
): Buffer {
  const layers = createTable<object>();
  const history = createTable<ImageHistory>();
  const ids = [...new Set(results.map(({ image }) => image))];
  const places = new Map(ids.map((id, place) => [id, place]));
  const images = ids.map((id) => {
    const { rootfs, history: lines = [], created, architecture, os, variant } = configOf(id);
    const chain = chainIds(rootfs.diff_ids);
    return {
      layers: rootfs.diff_ids.map((diffId, index) => {
        const chainId = chain[index];
        const place = chainId === undefined ? undefined : placeOf(chainId);
        return layers.put({ diffId, ...(place === undefined ? {} : { place }) });
      }),
      history: lines.map((line) => history.put(line)),
      ...(created === undefined ? {} : { created }),
      architecture,
      os,
      ...(variant === undefined ? {} : { variant }),
    };
  });
  return Buffer.from(
    JSON.stringify({
      version: 1,
      layers: layers.entries,
      history: history.entries,
      images,
      results: results.map(({ key, image }) => ({ key, image: places.get(image) })),
      contents,
    }),
  );
}

function createTable<Entry>(): { entries: Entry[]; put(entry: Entry): number } {
  const entries: Entry[] = [];
  const places = new Map<string, number>();
  return {
    entries,
    put(entry) {
      const name = JSON.stringify(entry);
      const place = places.get(name) ?? entries.push(entry) - 1;
      places.set(name, place);
      return place;
    },
  };
}

/** Kind `invalid` for what is no such document, or above the limits. `descriptors` are those of the manifest that it belongs to. */
export function readCache(bytes: Uint8Array, descriptors: readonly Descriptor[]): ReadCache {
  const document = parseJsonDocument(bytes, 'build cache', manifestLimits.configBytes);
  if (document.integer('version') !== 1) throw invalid('the build cache is of another version');
  const layers = (document.objects('layers', limits.images) ?? []).map((layer) => {
    const descriptor = descriptors[layer.integer('place') ?? -1];
    return { diffId: parseDigest(layer.string('diffId') ?? ''), ...(descriptor ? { descriptor } : {}) };
  });
  const history = (document.objects('history', limits.history) ?? []).map(readHistory);
  const images = (document.objects('images', limits.images) ?? []).map((source): CachedImage => {
    const created = source.string('created');
    const variant = source.string('variant');
    return {
      layers: pick(layers, source.integers('layers', manifestLimits.layers)),
      config: {
        ...(created === undefined ? {} : { created }),
        architecture: source.string('architecture') ?? '',
        os: source.string('os') ?? '',
        ...(variant === undefined ? {} : { variant }),
        config: {},
        history: pick(history, source.integers('history', limits.perImage)),
      },
    };
  });
  const results = new Map<Digest, CachedImage>();
  for (const each of document.objects('results', limits.results) ?? []) {
    const image = images[each.integer('image') ?? -1];
    if (image) results.set(parseDigest(each.string('key') ?? ''), image);
  }
  const contents = new Map<Digest, string>();
  for (const each of document.objects('contents', limits.contents) ?? []) {
    const content = each.string('content') ?? '';
    if (!/^[\w:.+-]{1,200}$/.test(content)) throw invalid('the build cache has a content that is no digest');
    contents.set(parseDigest(each.string('origin') ?? ''), content);
  }
  return { images: results, contents };
}

function pick<Entry>(table: readonly Entry[], places: readonly number[] = []): Entry[] {
  return places.map((place) => {
    const entry = table[place];
    if (entry === undefined) throw invalid('the build cache names what it does not have');
    return entry;
  });
}

function readHistory(source: JsonObject): ImageHistory {
  const text = (name: 'created' | 'created_by' | 'author' | 'comment'): object => {
    const value = source.string(name);
    return value === undefined ? {} : { [name]: value };
  };
  const isEmpty = source.boolean('empty_layer');
  return {
    ...text('created'),
    ...text('created_by'),
    ...text('author'),
    ...text('comment'),
    ...(isEmpty === undefined ? {} : { empty_layer: isEmpty }),
  };
}
