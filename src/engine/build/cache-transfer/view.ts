import { type DiffId, type Digest, type ImageId, sha256 } from '../../../foundation/oci/digest.ts';
import type { BuildCache } from '../solve/cache.ts';
import type { BuildRecords } from './export-cache.ts';
import type { ImportedCache } from './import-cache.ts';

/** The engine's cache as one build sees it, and what the build came to. */
export interface CacheView extends BuildCache {
  /** Under which builds do a step together. */
  nameOf(key: Digest): string;
  /** A result of another engine, whose layers are brought now. */
  bring(key: Digest, signal: AbortSignal): Promise<ImageId | undefined>;
  /** With results of imported caches that the build passed by without a use of their own; they are brought when `isWanted` says so. */
  records(
    isWanted: (layers: readonly DiffId[]) => boolean,
    signal: AbortSignal,
  ): Promise<Omit<BuildRecords, 'bases'>>;
}

/**
 * What a build finds is held for it. What it finds with the help of an imported cache is kept apart, in the domain of what it trusts: others, who do not import it, must not come to stand on
 * what a stranger says that a step led to. Results that nobody imported are found in every domain.
 */
export function viewCache(
  cache: BuildCache,
  imported: ImportedCache | undefined,
  hold: (image: ImageId) => void = () => undefined,
): CacheView {
  const apart = (key: Digest): Digest => (imported ? sha256(`${imported.domain} ${key}`) : key);
  const results = new Map<Digest, ImageId>();
  const passed = new Set<Digest>();
  const contents = new Map<Digest, string>();
  const noted = (key: Digest, image: ImageId): ImageId => {
    hold(image);
    if (cache.isStep(image)) results.set(key, image);
    return image;
  };
  const bring: CacheView['bring'] = async (key, signal) => {
    const image = await imported?.bring(key, signal);
    if (image === undefined) return undefined;
    cache.keep(apart(key), image, { isStep: true });
    return noted(key, image);
  };
  return {
    ...cache,
    find(key) {
      const image = cache.find(key) ?? (imported ? cache.find(apart(key)) : undefined);
      if (image !== undefined) return noted(key, image);
      if (imported?.findLayers(key)) passed.add(key);
      return undefined;
    },
    keep(key, image, options) {
      hold(image);
      cache.keep(apart(key), image, options);
      if (options.isStep) results.set(key, image);
    },
    findContent(origin) {
      const content =
        cache.findContent(origin) ??
        (imported ? (cache.findContent(apart(origin)) ?? imported.findContent(origin)) : undefined);
      if (content !== undefined) contents.set(origin, content);
      return content;
    },
    keepContent(origin, { key, image }, content) {
      contents.set(origin, content);
      // Where the result is everybody's, so is this: it is forgotten with that result.
      if (cache.find(key) === image) cache.keepContent(origin, { key, image }, content);
      else cache.keepContent(apart(origin), { key: apart(key), image }, content);
    },
    nameOf: apart,
    bring,
    async records(isWanted, signal) {
      for (const key of passed) {
        const layers = results.has(key) ? undefined : imported?.findLayers(key);
        if (layers && isWanted(layers)) await bring(key, signal);
      }
      return {
        results: [...results].map(([key, image]) => ({ key, image })),
        contents: [...contents].map(([origin, content]) => ({ origin, content })),
      };
    },
  };
}
