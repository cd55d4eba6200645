import { internal } from '../../../foundation/base/errors.ts';
import { formatPlatform } from '../../../foundation/oci/platform.ts';
import {
  type BuildRecords,
  exportCaches,
  inlineCache,
  wantedLayers,
} from '../cache-transfer/export-cache.ts';
import type { CacheView } from '../cache-transfer/view.ts';
import type { BuildDeps, BuildRequest } from '../solve/types.ts';
import { createAttest } from './attest.ts';
import type { BuildResult, PlatformResult } from './output.ts';
import { produce } from './produce.ts';
import { type BuildFacts, provenance } from './provenance.ts';

/** What one platform came to, and how. */
export interface SolvedPlatform extends PlatformResult {
  facts: BuildFacts;
}

/** The end of a build whose graphs are solved, one for each platform: outputs, then caches. */
export async function finish(
  deps: Pick<BuildDeps, 'images' | 'layers' | 'directory'>,
  request: BuildRequest,
  { cache, solved }: { cache: CacheView; solved: readonly SolvedPlatform[] },
): Promise<BuildResult> {
  const factsOf = ({ platform }: PlatformResult): BuildFacts => {
    const name = formatPlatform(platform);
    const found = solved.find((each) => formatPlatform(each.platform) === name);
    if (!found) throw internal('a result of no platform');
    return found.facts;
  };
  const records = await recordsOf(deps, request, { cache, solved });
  const isInline = request.cacheTo?.some(({ type }) => type === 'inline') === true;
  const told = solved.map(({ platform, facts }) => {
    const name = formatPlatform(platform);
    return [name, provenance(request, facts, { mode: 'min', platform: name })] as const;
  });
  const result = await produce(deps, {
    request,
    results: solved,
    attestations: createAttest(deps, { request, factsOf }),
    ...(isInline ? { inline: (of: PlatformResult) => inlineCache(deps.images, records, of) } : {}),
    metadata: Object.fromEntries(
      told.map(([name, predicate]) => [
        told.length === 1 ? 'buildx.build.provenance' : `buildx.build.provenance/${name}`,
        predicate,
      ]),
    ),
  });
  await exportCaches(deps, request, { records, results: solved });
  return result;
}

async function recordsOf(
  { images }: Pick<BuildDeps, 'images'>,
  request: BuildRequest,
  { cache, solved }: { cache: CacheView; solved: readonly SolvedPlatform[] },
): Promise<BuildRecords> {
  const bases = [...new Set(solved.flatMap(({ facts }) => facts.bases.map(({ image }) => image)))];
  if (!request.cacheTo?.length) return { results: [], contents: [], bases };
  const ends = solved.map(({ image }) => images.resolve(image).config.rootfs.diff_ids);
  const signal = request.signal ?? new AbortController().signal;
  return { ...(await cache.records(wantedLayers(request, ends), signal)), bases };
}
