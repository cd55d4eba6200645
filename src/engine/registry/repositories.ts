import { notFound, type SiloError, toSiloError } from '../../foundation/base/errors.ts';
import { createSingleFlight } from '../../foundation/base/single-flight.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { RegistryStore } from '../../resources/registry/store.ts';
import { byCode } from './by-code.ts';
import { createRepositoryState, type RepositoryState } from './repository-state.ts';

/** All repositories of a store. */
export interface Repositories {
  /** In lexical order. */
  names(): Promise<readonly RepositoryName[]>;
  find(name: RepositoryName): Promise<RepositoryState | undefined>;
  /** Kind `not-found`, code `name-unknown`. */
  get(name: RepositoryName): Promise<RepositoryState>;
  /** Also one that has no manifest yet; it is listed once it has. */
  getOrCreate(name: RepositoryName): Promise<RepositoryState>;
  /** Resolves when all that was changed before the call is on the disk. Whoever waits at the same time shares one write. A state that could not be written is dropped, and every later save of it rejects alike: get it again. */
  save(state: RepositoryState): Promise<void>;
  /** Resolves when nothing of the repository is being written; rejects as the writing did. What memory has is on the disk then. */
  settled(name: RepositoryName): Promise<void>;
  remove(name: RepositoryName): Promise<void>;
}

/** So many stay in memory; the least recently used ones are read again. */
const stateLimit = 2_000;

export function createRepositories(store: Pick<RegistryStore, 'indexes'>): Repositories {
  // In order of last use. A state with changes that are not written stays.
  const states = new Map<RepositoryName, RepositoryState>();
  const loads = createSingleFlight<RepositoryState | undefined>();
  const saves = new Map<RepositoryState, { running: Promise<void>; next?: Promise<void> }>();
  const stored = new WeakSet<RepositoryState>();
  /** Why states were dropped. */
  const dropped = new WeakMap<RepositoryState, SiloError>();
  let names: Promise<RepositoryName[]> | undefined;

  const listed = (): Promise<RepositoryName[]> =>
    (names ??= store.indexes.repositories().then(
      (found) => found.toSorted(byCode),
      (error: unknown) => {
        names = undefined;
        throw error;
      },
    ));
  const keep = (state: RepositoryState): RepositoryState => {
    states.delete(state.name);
    states.set(state.name, state);
    for (const [name, old] of states) {
      if (states.size <= stateLimit) break;
      if (!saves.has(old)) states.delete(name);
    }
    return state;
  };
  const find = async (name: RepositoryName): Promise<RepositoryState | undefined> => {
    const known = states.get(name);
    if (known !== undefined) return keep(known);
    return loads.run(name, async () => {
      const entries = await store.indexes.read(name);
      // Somebody may have made or changed it meanwhile.
      return states.get(name) ?? (entries && keep(createRepositoryState(name, entries)));
    });
  };
  const write = async (state: RepositoryState): Promise<void> => {
    try {
      await store.indexes.change(state.name, state.takeChanges(), state);
    } catch (error) {
      // Memory has what the disk has not: read it again.
      dropped.set(state, toSiloError(error));
      if (states.get(state.name) === state) states.delete(state.name);
      throw error;
    }
    if (stored.has(state)) return;
    stored.add(state);
    const all = await listed();
    if (all.includes(state.name)) return;
    all.push(state.name);
    all.sort(byCode);
  };
  const start = async (state: RepositoryState): Promise<void> => {
    const failure = dropped.get(state);
    if (failure) throw failure;
    keep(state);
    const running = write(state).finally(() => {
      if (saves.get(state)?.running === running) saves.delete(state);
    });
    saves.set(state, { running });
    return running;
  };

  return {
    names: listed,
    find,
    async get(name) {
      const state = await find(name);
      if (state === undefined)
        throw notFound(`repository name ${name} is not known to the registry`, { code: 'name-unknown' });
      return state;
    },
    async getOrCreate(name) {
      const state = await find(name);
      // Another caller may have made it while this one looked.
      return state ?? states.get(name) ?? keep(createRepositoryState(name, []));
    },
    save(state) {
      const current = saves.get(state);
      if (current === undefined) return start(state);
      // The running write may have gathered its entries before this change.
      current.next ??= current.running.then(() => start(state));
      return current.next;
    },
    async settled(name) {
      const state = states.get(name);
      for (let saving = state && saves.get(state); saving !== undefined; saving = state && saves.get(state))
        await (saving.next ?? saving.running);
    },
    async remove(name) {
      await store.indexes.remove(name);
      states.delete(name);
      const all = await listed();
      const at = all.indexOf(name);
      if (at >= 0) all.splice(at, 1);
    },
  };
}
