import type { BuildEventJson, BuildSessionRequestJson } from '../../foundation/wire/silo/build-session.ts';
import type { BuildRecordJson } from '../../foundation/wire/silo/builds.ts';
import type { BuildOffers, BuildOptions, BuildResult } from './build-session.ts';
import type { CallOptions, Filters } from './calls.ts';

export interface BuildPruneOptions {
  /** What internal parts of the cache are, too. */
  all?: boolean;
  /** So much stays in any case. */
  reservedBytes?: number | undefined;
  /** No more than that stays. */
  mostBytes?: number | undefined;
  /** Of the disk, when it is done. */
  freeBytes?: number | undefined;
  filters?: Filters;
}

export interface BuildPruneResponse {
  CachesDeleted: string[] | null;
  SpaceReclaimed: number;
}

export interface BuildCalls {
  /** Builds with this process at hand: folders, secrets and agents are served from here until it ends. */
  session(request: BuildSessionRequestJson, offers: BuildOffers, options: BuildOptions): Promise<BuildResult>;
  /** Builds that were, the latest first. */
  history(options?: CallOptions): Promise<BuildRecordJson[]>;
  /** By its id or the beginning of it. */
  record(id: string, options?: CallOptions): Promise<BuildRecordJson>;
  forget(id: string, options?: CallOptions): Promise<void>;
  /** What a build told, as far as it is kept. */
  log(id: string, options?: CallOptions): AsyncIterable<BuildEventJson>;
  /** Docker's `builder prune`. */
  prune(options?: CallOptions & BuildPruneOptions): Promise<BuildPruneResponse>;
}
