import type { KeyLock } from '../../foundation/base/key-lock.ts';
import type { Limiter } from '../../foundation/base/limiter.ts';
import type { LoopTurns } from '../../foundation/base/loop-turns.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { ContainerId, ExecId } from '../../foundation/base/ids.ts';
import type { ChainId, ImageId } from '../../foundation/oci/digest.ts';
import type { PackRequest } from '../../foundation/archive/pack-process.ts';
import type { Database } from '../../foundation/db/database.ts';
import type { CdiDevices } from '../../resources/cdi/cdi.ts';
import type { Forwarding } from '../../resources/logs/forward/forwarder.ts';
import type { LogConfig } from '../../resources/logs/log-config.ts';
import type { ContainerLogs, LogKeeper } from '../../resources/logs/logs.ts';
import type { Endpoints, Networks } from '../../resources/network/network.ts';
import type { AttachedStreams, RuntimeDriver } from '../../resources/runtime/runtime.ts';
import type { HostFacts as SpecHost } from '../../resources/spec/spec.ts';
import type { ContainerSnapshots, LayerStore } from '../../resources/snapshot/snapshot.ts';
import type { Volumes } from '../../resources/volume/volume.ts';
import type { Events } from '../events/events.ts';
import type { ImageComposition, ImageQueries } from '../image/image.ts';
import type { ImageTransfers } from '../image/transfers.ts';
import type { SecurityDefaults } from './spec/security.ts';
import type { ContainerRecord, ExecInfo, WaitCondition } from './container.ts';
import type { HealthMonitors } from './health/health.ts';
import type { Transfers } from './files/transfers.ts';
import type { IdRange } from './userns/area.ts';
import type { IdRanges } from './userns/ranges.ts';
import type { VolumeMounts } from './mounts/volume-mounts.ts';
import type { ContainerStore } from './store/store.ts';

/** What the container engine is made from. */
export interface ContainerDeps {
  database: Database;
  images: Pick<ImageQueries, 'resolve' | 'variants'> &
    Pick<ImageTransfers, 'unpack'> &
    Pick<ImageComposition, 'compose'>;
  /** `pack` with its command. */
  pack: (request: Omit<PackRequest, 'command'>) => AsyncGenerator<Buffer>;
  snapshots: ContainerSnapshots;
  layers: Pick<LayerStore, 'find'>;
  networks: Networks;
  endpoints: Endpoints;
  volumes: Volumes;
  cdi: CdiDevices;
  driver: RuntimeDriver;
  logs: ContainerLogs;
  logKeeper: LogKeeper;
  events: Events;
  log: Log;
  now: () => number;
  settings: ContainerSettings;
}

export interface ContainerSettings {
  /** Folder of one folder per container: log, hosts, hostname, resolv.conf. Durable. */
  containersDirectory: string;
  /** Folder of mount points of root file systems. Below the exec root, gone with a reboot. */
  rootfsDirectory: string;
  /** Below it, mounts that exist while a container is being started. */
  mountsDirectory: string;
  /** Where everything of the engine's is. */
  engineFolders: readonly string[];
  /** Of ours, always empty: the root of helpers for files, which mount there what nobody else sees. */
  emptyDirectory: string;
  /** How to run the helper for files. */
  filesCommand: readonly string[];
  defaultRuntime: string;
  runtimes: readonly string[];
  /** Parent of every container's cgroup, e.g. `/silo`. */
  cgroupParent: string;
  /** Host path of a static init; empty when the machine has none. */
  initBinary: string;
  /** Total log size kept for one container that names no size, bytes. */
  logMaxBytes: number;
  /** Of containers that name no driver. */
  log: LogConfig;
  /** The socket of the machine's journal. */
  journalSocket: string;
  defaultNetwork: string;
  security: SecurityDefaults;
  /** What the machine offers to specs; `maximumOpenFiles` is the largest limit the engine may grant. */
  host: SpecHost;
  openFilesLimit: number;
  userNamespaces: UserNamespaceSettings;
  /** The lowest `oom_score_adj` that the engine may set: its own, without CAP_SYS_RESOURCE. */
  lowestOomScore: number;
}

export interface UserNamespaceSettings {
  /** What a container without `--userns` gets. */
  mode: 'auto' | 'host';
  /** Why this machine can give no container ids of its own; absent when it can. */
  unavailable?: string;
  /** Ids of the host for containers. */
  area: readonly IdRange[];
}

/** Shared by the verbs of this folder; one per engine. */
export interface Context extends ContainerDeps {
  store: ContainerStore;
  locks: KeyLock;
  /**
   * Turns to start. A crowd of starts is no faster at once than a few at a time, and would keep the event loop from everybody else.
   */
  launches: Limiter;
  /** Turns for what ends in a durable record. */
  commits: Limiter;
  /** Taken before each step that is the event loop's work for milliseconds: a crowd of them must not come between two requests. */
  loopTurns: LoopTurns;
  /** Copies of files that are under way. */
  transfers: Transfers;
  live: LiveContainers;
  idRanges: IdRanges;
  volumeMounts: VolumeMounts;
  execs: Map<ExecId, ExecEntry>;
  readonly health: HealthMonitors;
  /** What containers hold that are being created but have no record yet. */
  creating: Map<
    ContainerId,
    { imageIds: Set<ImageId>; layers: readonly ChainId[]; mountedLayers: Set<ChainId>; volumes: Set<string> }
  >;
}

/** What exists only while the engine runs: nothing here needs to survive it. */
export interface Live {
  /** Resolves when the present run's end is recorded; replaced at each start. */
  ended: PromiseWithResolvers<void>;
  /** Resolves when nothing of that run has the root mounted. */
  unmounted: PromiseWithResolvers<void>;
  /** A power cut may take what is recorded of it. */
  isPassing?: boolean;
  /** Attach requests that wait for the next start. */
  parked: Set<ParkedClient>;
  waiters: Set<Waiter>;
  /** `restart` commands that have not started it again yet. */
  restartsUnderWay: number;
  /** What `kill` sent last to the present run. */
  lastSignal?: number;
  /** A check of the present run has passed. */
  wasHealthy: boolean;
  /** Keeps the log of the present run. */
  keptLog?: Disposable | undefined;
  /** Feeds a remote log driver; goes on after the run until all is sent. */
  forwarding?: Forwarding | undefined;
  restartDelayMs: number;
  restartTimer?: ReturnType<typeof setTimeout>;
  /** Until an end that could not be recorded is tried again. */
  exitTimer?: ReturnType<typeof setTimeout>;
}

export interface ParkedClient {
  /** Whether it will write to stdin. */
  input: boolean;
  /** Undefined lets it go without streams. */
  settle: (streams: AttachedStreams | undefined) => void;
}

export interface Waiter {
  condition: WaitCondition;
  settle: (outcome: { exitCode: number; error?: string }) => void;
}

export interface ExecEntry {
  info: ExecInfo;
  ended: PromiseWithResolvers<void>;
}

export interface LiveContainers {
  of(id: ContainerId): Live;
  forget(id: ContainerId): void;
}

function resolved(): PromiseWithResolvers<void> {
  const made = Promise.withResolvers<void>();
  made.resolve();
  return made;
}

export function createLiveContainers(): LiveContainers {
  const entries = new Map<ContainerId, Live>();
  return {
    of(id) {
      let live = entries.get(id);
      if (!live) {
        live = {
          ended: Promise.withResolvers<void>(),
          unmounted: resolved(),
          parked: new Set(),
          waiters: new Set(),
          restartsUnderWay: 0,
          wasHealthy: false,
          restartDelayMs: 0,
        };
        entries.set(id, live);
      }
      return live;
    },
    forget: (id) => void entries.delete(id),
  };
}

/** Publishes a container event with the attributes that Docker gives: image, name, labels, then those of the action. */
export function publish(
  context: Pick<Context, 'events'>,
  record: ContainerRecord,
  action: string,
  attributes: Record<string, string> = {},
): void {
  context.events.publish({
    type: 'container',
    action,
    id: record.id,
    attributes: { ...record.config.labels, image: record.imageName, name: record.name, ...attributes },
  });
}
