import type { KeyLock } from '../../foundation/base/key-lock.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { RegistryStore } from '../../resources/registry/store.ts';
import type { Leases } from './leases.ts';
import type { Repositories } from './repositories.ts';

/** What the parts of a registry share. */
export interface RegistryContext {
  store: RegistryStore;
  repositories: Repositories;
  leases: Leases;
  /**
   * One per repository. Whoever makes a manifest refer to something checks and refers within it; whoever deletes something checks and deletes within
   * it. It is not held while bytes are written or clients are waited for.
   */
  locks: KeyLock;
  log: Log;
}
