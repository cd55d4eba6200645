import { chmodSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { conflict, toSiloError } from '../../foundation/base/errors.ts';
import type { Damage, MoveAside } from '../../foundation/base/damage.ts';
import { createKeyLock } from '../../foundation/base/key-lock.ts';
import { createLimiter } from '../../foundation/base/limiter.ts';
import { createLoopTurns } from '../../foundation/base/loop-turns.ts';
import type { ImageUsers } from '../image/image.ts';
import { checkContainers } from './life/check.ts';
import { createAttach } from './streams/attach.ts';
import type {
  ContainerExecs,
  ContainerLifecycle,
  ContainerNetworks,
  ContainerQueries,
  ContainerRecord,
  ContainerStreams,
  StartOptions,
} from './container.ts';
import { type ContainerDeps, type Context, createLiveContainers } from './context.ts';
import { createConnect, createDisconnect } from './network/connect.ts';
import { createCreate } from './create/create.ts';
import { createExecs } from './process/exec.ts';
import { createHealthMonitors } from './health/monitors.ts';
import { createOnUnhealthy } from './health/on-failure.ts';
import { createCopy } from './files/copy.ts';
import type { ContainerFiles } from './files/files.ts';
import { createTransfers } from './files/transfers.ts';
import { handleExit } from './life/exit.ts';
import { createChanges } from './files/changes.ts';
import { createCommit } from './files/commit.ts';
import { createExport } from './files/export.ts';
import type { ContainerChanges, ContainerCommit } from './files/files.ts';
import { forwardRest } from './streams/keep-log.ts';
import { readLogs } from './streams/logs.ts';
import { createUnlink } from './network/link-containers.ts';
import { describeNetwork } from './network/places.ts';
import { createPause, createResume } from './life/pause.ts';
import { recoverContainers, startByPolicy } from './life/recover.ts';
import { createRemove } from './life/remove.ts';
import { createRename } from './life/rename.ts';
import { createRestart } from './life/restart.ts';
import { startContainer } from './life/start.ts';
import { createSizeOf } from './mounts/size.ts';
import { createStats } from './stats/create-stats.ts';
import type { ContainerStats } from './stats/stats.ts';
import { isRunning } from './state.ts';
import { createKill, createStop, endUnhealthy, killUnhealthy } from './life/stop.ts';
import { createContainerStore } from './store/store.ts';
import { createTop } from './process/top.ts';
import { createUpdate } from './update/update.ts';
import { createIdRanges } from './userns/ranges.ts';
import { createVolumeMounts, type VolumeMounts } from './mounts/volume-mounts.ts';
import { createWait } from './life/wait.ts';

export interface ContainerEngine extends Disposable {
  containers: ContainerQueries & ContainerLifecycle;
  networks: ContainerNetworks;
  streams: ContainerStreams;
  execs: ContainerExecs;
  stats: ContainerStats;
  changes: ContainerChanges & ContainerCommit;
  files: ContainerFiles;
  check(options: { moveAside: MoveAside }): AsyncIterable<Damage>;
  /** What the image engine must not remove. */
  users: ImageUsers;
  /** Those that a start of the engine must look at; the others are not even read. */
  unsettled(): ContainerRecord[];
  /** Called once, before the first request: see `recover.ts`. */
  recover(): Promise<void>;
  readonly volumeMounts: VolumeMounts;
  /** Called once the engine answers. */
  startByPolicy(): void;
}

/** A start is the processors' work for two thirds of its time. */
const launchesAtOnce = availableParallelism() * 2 + 4;
const launchPatienceMs = 1_000;
const commitsAtOnce = 4;

export function createContainerEngine(deps: ContainerDeps): ContainerEngine {
  for (const directory of [
    deps.settings.containersDirectory,
    deps.settings.rootfsDirectory,
    deps.settings.mountsDirectory,
  ])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Each place in it is closed to all but the root of its container, who is nobody here.
  chmodSync(deps.settings.rootfsDirectory, 0o711);
  const context: Context = {
    ...deps,
    store: createContainerStore(deps.database),
    locks: createKeyLock(),
    commits: createLimiter(commitsAtOnce, { patienceMs: launchPatienceMs }),
    loopTurns: createLoopTurns(),
    launches: createLimiter(launchesAtOnce, { patienceMs: launchPatienceMs }),
    transfers: createTransfers(),
    live: createLiveContainers(),
    idRanges: createIdRanges(deps.settings.userNamespaces.area),
    volumeMounts: createVolumeMounts(deps),
    execs: new Map(),
    creating: new Map(),
    get health() {
      return health;
    },
  };
  let warming: Disposable | undefined;
  const exits = deps.driver.containers.onExit((exit) => handleExit(context, exit));
  const stats = createStats(context);
  const stop = createStop(context);
  const health = createHealthMonitors(context, {
    onUnhealthy: createOnUnhealthy(context, {
      stop: (id) => stop(id, {}),
      restart: (id) => endUnhealthy(context, id),
      kill: (id) => killUnhealthy(context, id),
    }),
  });
  const start = (nameOrId: string, options?: StartOptions): Promise<void> =>
    startContainer(context, nameOrId, 'user', options);
  return {
    containers: {
      get: (nameOrId) => context.store.get(nameOrId),
      list: () => context.store.list(),
      networkOf: (id) => describeNetwork(context, context.store.get(id)),
      usersOfVolume: (name) => [
        ...[...context.creating].filter(([, { volumes }]) => volumes.has(name)).map(([id]) => id),
        ...context.store
          .list()
          .filter(({ mounts }) => mounts.some((mount) => mount.name === name))
          .map(({ id }) => id),
      ],
      sizeOf: createSizeOf(context),
      top: createTop(context),
      create: createCreate(context),
      start,
      stop,
      restart: createRestart(context, { start, stop }),
      kill: createKill(context),
      pause: createPause(context),
      resume: createResume(context),
      rename: createRename(context),
      unlink: createUnlink(context),
      remove: createRemove(context),
      wait: createWait(context),
      update: createUpdate(context),
    },
    networks: { connect: createConnect(context), disconnect: createDisconnect(context) },
    streams: {
      attach: createAttach(context),
      logs: (nameOrId, request) => readLogs(context, context.store.get(nameOrId), request),
      async resize(nameOrId, size) {
        const record = context.store.get(nameOrId);
        if (!isRunning(record.state))
          throw conflict(`container ${record.id} is not running`, { code: 'not-running' });
        await context.driver.streams.resize({ id: record.id }, size);
      },
    },
    execs: createExecs(context),
    stats,
    changes: {
      changes: createChanges(context),
      export: createExport(context),
      commit: createCommit(context),
    },
    files: createCopy(context),
    check: (options) => checkContainers(context, options),
    users: createImageUsers(context),
    volumeMounts: context.volumeMounts,
    unsettled: () => context.store.active(),
    recover: () => recoverContainers(context),
    startByPolicy() {
      startByPolicy(context);
      warming = context.store.warm((record) => sendRest(context, record));
    },
    [Symbol.dispose]() {
      exits[Symbol.dispose]();
      stats[Symbol.dispose]();
      health[Symbol.dispose]();
      warming?.[Symbol.dispose]();
      for (const { id } of context.store.active()) {
        clearTimeout(context.live.of(id).restartTimer);
        clearTimeout(context.live.of(id).exitTimer);
      }
    },
  };
}

/** One damaged record or log must not end the engine, nor keep the others from being sent. */
function sendRest(context: Context, record: ContainerRecord): void {
  try {
    forwardRest(context, record);
  } catch (error) {
    context.log.warn(
      `sending the rest of the log of container ${record.name}: ${toSiloError(error).message}`,
    );
  }
}

function createImageUsers(context: Context): ImageUsers {
  return {
    usersOf: (imageId) => [
      ...context.store
        .list()
        .filter(
          (record) => record.imageId === imageId || record.mounts.some(({ image }) => image?.id === imageId),
        )
        .map((record) => ({ containerId: record.id, running: isRunning(record.state) })),
      ...[...context.creating]
        .filter(([, making]) => making.imageIds.has(imageId))
        .map(([containerId]) => ({ containerId, running: false })),
    ],
    *layersInUse() {
      for (const making of context.creating.values()) yield* [...making.layers, ...making.mountedLayers];
      for (const record of context.store.list()) {
        yield* record.layers;
        for (const { image } of record.mounts) yield* image?.layers ?? [];
      }
    },
  };
}
