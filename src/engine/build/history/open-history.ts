import type { ImageQueries } from '../../image/image.ts';
import type { BuildDeps, Builds } from '../solve/types.ts';
import { type CacheUse, openCacheUses } from './cache-uses.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import { openBuildRecords } from './records.ts';
import { type BuildHistory, createHistory, recordBuilds } from './record-builds.ts';

/** The builder as frontends see it: what it did is kept. */
export interface RecordedBuilds extends Builds {
  readonly history: BuildHistory;
  /** When results of steps were last of use. */
  cacheUses(): Map<ImageId, CacheUse>;
}

interface HistoryDeps extends Pick<BuildDeps, 'database' | 'now' | 'log'> {
  images: Pick<ImageQueries, 'list'>;
  /** For logs; survives the engine. */
  directory: string;
}

export async function withHistory(builds: Builds, deps: HistoryDeps): Promise<RecordedBuilds> {
  const records = await openBuildRecords(deps.database, deps.directory);
  const uses = openCacheUses(deps.database);
  uses.keepOnly(new Set(deps.images.list().map(({ id }) => id)));
  return {
    ...builds,
    ...recordBuilds(builds, { records, uses, now: deps.now, log: deps.log }),
    history: createHistory(records),
    cacheUses: () => uses.all(),
  };
}
