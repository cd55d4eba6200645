import { createKeyLock } from '../../foundation/base/key-lock.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { RegistryStore } from '../../resources/registry/store.ts';
import { createBlobs } from './blobs.ts';
import { createUpkeep } from './collect.ts';
import type { RegistryContext } from './context.ts';
import { createLeases } from './leases.ts';
import { createLists } from './lists.ts';
import { createManifests } from './manifests.ts';
import type { Registry } from './registry.ts';
import { createRepositories } from './repositories.ts';
import { createUploads } from './uploads.ts';

/** How long a blob that was pushed, mounted or seen waits for the manifest that refers to it. */
const defaultGraceMs = 3_600_000;

export interface RegistryOptions {
  log: Log;
  graceMs?: number;
  now?: () => number;
  /** Since when clients may have seen what is there; now when absent. */
  servedSinceMs?: number;
}

/** A registry over a store. The store stays the caller's to close. */
export function createRegistry(store: RegistryStore, options: RegistryOptions): Registry {
  const { log, graceMs = defaultGraceMs, now = Date.now } = options;
  const startedMs = options.servedSinceMs ?? now();
  const context: RegistryContext = {
    store,
    repositories: createRepositories(store),
    leases: createLeases({ graceMs, now, startedMs }),
    locks: createKeyLock(),
    log,
  };
  return {
    manifests: createManifests(context),
    blobs: createBlobs(context),
    uploads: createUploads(context),
    lists: createLists(context),
    upkeep: createUpkeep(context),
  };
}
