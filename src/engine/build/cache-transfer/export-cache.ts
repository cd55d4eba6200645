import { toSiloError } from '../../../foundation/base/errors.ts';
import { chainIds } from '../../../foundation/oci/chain-id.ts';
import type { ChainId, DiffId, ImageId } from '../../../foundation/oci/digest.ts';
import { familiarName } from '../../../foundation/oci/reference.ts';
import { send } from '../output/send.ts';
import type { PlatformResult } from '../output/output.ts';
import type { BuildDeps, BuildRequest } from '../solve/types.ts';
import type { CacheExport } from './cache-transfer.ts';
import {
  cacheConfigType,
  type CacheContents,
  type CacheResult,
  type KnownContent,
  writeCache,
} from './format.ts';

/** Whether results of these layers go along with the end of a build. */
export function wantedLayers(
  { cacheTo = [] }: Pick<BuildRequest, 'cacheTo'>,
  ends: readonly (readonly DiffId[])[],
): (layers: readonly DiffId[]) => boolean {
  if (cacheTo.some((target) => target.type !== 'inline' && target.mode === 'max')) return () => true;
  return (layers) => ends.some((end) => layers.every((layer, place) => end[place] === layer));
}

/** What a build came to, found or made. */
export interface BuildRecords {
  results: readonly CacheResult[];
  contents: readonly KnownContent[];
  /** Images that it started from: their layers are had where they are. */
  bases: readonly ImageId[];
}

/** Gives the results of steps to whoever asked for them. A failure fails the build unless it is to be ignored. */
export async function exportCaches(
  deps: Pick<BuildDeps, 'images'>,
  request: BuildRequest,
  { records, results }: { records: BuildRecords; results: readonly PlatformResult[] },
): Promise<void> {
  const first = request.outputs?.length ?? 0;
  for (const [place, target] of (request.cacheTo ?? []).entries()) {
    if (target.type === 'inline') continue;
    try {
      await exportCache(deps, request, { target, place: first + place, records, results });
    } catch (error) {
      if (!target.ignoresErrors || request.signal?.aborted) throw error;
      request.onProgress({
        kind: 'warning',
        rule: 'CacheNotExported',
        message: `the cache was not exported: ${toSiloError(error).message}`,
      });
    }
  }
}

async function exportCache(
  { images }: Pick<BuildDeps, 'images'>,
  request: BuildRequest,
  {
    target,
    place,
    records,
    results,
  }: {
    target: Exclude<CacheExport, { type: 'inline' }>;
    place: number;
    records: BuildRecords;
    results: readonly PlatformResult[];
  },
): Promise<void> {
  const { signal, onProgress, credentialsOf } = request;
  const contents = contentsOf(images, records, target.mode === 'max' ? undefined : results);
  const config = (placeOf: (chainId: ChainId) => number | undefined): Buffer => writeCache(contents, placeOf);
  await using bundle = await images.bundle({
    images: contents.results.map(({ image }) => image),
    without: layersOf(images, records.bases),
    layers: target.layers,
    configType: cacheConfigType,
    config,
    ...(signal ? { signal } : {}),
  });
  if (target.type === 'local') {
    onProgress({ kind: 'exporting', text: 'sending cache' });
    return await send(request, place, bundle.archive(signal));
  }
  const { reference, isInsecure } = target;
  const credentials = credentialsOf?.(reference.host);
  onProgress({ kind: 'exporting', text: `pushing cache to ${familiarName(reference)}` });
  await bundle.push({
    reference,
    isInsecure,
    ...(credentials ? { credentials } : {}),
    ...(signal ? { signal } : {}),
  });
}

/** Manifests may have 4 MiB, and much less is read gladly. */
const mostInlineBytes = 1 << 20;

/** The document that goes into the manifest of an image: steps whose layers it has itself. Undefined when it is too long for that. */
export function inlineCache(
  images: Pick<BuildDeps['images'], 'resolve'>,
  records: BuildRecords,
  result: PlatformResult,
): string | undefined {
  const chain = chainIds(images.resolve(result.image).config.rootfs.diff_ids);
  const places = new Map(chain.map((chainId, place) => [chainId, place]));
  const document = writeCache(contentsOf(images, records, [result]), (chainId) => places.get(chainId));
  return document.length > mostInlineBytes ? undefined : document.toString();
}

/** Of `min` only what the results consist of. */
function contentsOf(
  images: Pick<BuildDeps['images'], 'resolve'>,
  { results, contents }: BuildRecords,
  ends: readonly PlatformResult[] | undefined,
): CacheContents {
  const configOf: CacheContents['configOf'] = (image) => images.resolve(image).config;
  if (!ends) return { results, contents, configOf };
  const own = new Set(ends.flatMap(({ image }) => chainIds(configOf(image).rootfs.diff_ids)));
  const kept = results.filter(({ image }) =>
    chainIds(configOf(image).rootfs.diff_ids).every((each) => own.has(each)),
  );
  return { results: kept, contents, configOf };
}

function layersOf(images: Pick<BuildDeps['images'], 'resolve'>, ids: readonly ImageId[]): Set<ChainId> {
  return new Set(ids.flatMap((id) => chainIds(images.resolve(id).config.rootfs.diff_ids)));
}
