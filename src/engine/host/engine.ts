import type { NetworkInfo, Networks } from '../../resources/network/network.ts';
import type { Volumes } from '../../resources/volume/volume.ts';
import type {
  ContainerExecs,
  ContainerLifecycle,
  ContainerNetworks,
  ContainerQueries,
  ContainerStreams,
} from '../container/container.ts';
import type { ContainerStats } from '../container/stats/stats.ts';
import type { ContainerChanges, ContainerCommit } from '../container/files/files.ts';
import type { ContainerFiles } from '../container/files/files.ts';
import type { RecordedBuilds } from '../build/history/open-history.ts';
import type { Events } from '../events/events.ts';
import type { Bootstrap, ImageNames, ImageQueries } from '../image/image.ts';
import type { ImageExports, ImageTransfers } from '../image/transfers.ts';
import type { ImageRegistries } from '../image/registries.ts';
import type { VolumeTransfers } from './volume-transfers.ts';
import type { DiskCommands } from './disk.ts';
import type { SecurityAudit } from './audit/audit.ts';
import type { PinnedRuntimes } from './pinned-runtimes.ts';
import type { OwnProcess } from './own-process.ts';

/** Everything that frontends may call, grouped by who calls it. Made by `openEngine` in `engine/host`. */
export interface Engine extends AsyncDisposable {
  readonly events: Events;
  readonly images: ImageQueries & ImageTransfers & ImageExports & ImageRegistries & ImageNames & Bootstrap;
  readonly containers: ContainerQueries & ContainerLifecycle;
  readonly streams: ContainerStreams;
  readonly execs: ContainerExecs;
  readonly stats: ContainerStats;
  readonly changes: ContainerChanges & ContainerCommit;
  readonly files: Pick<ContainerFiles, 'stat' | 'read' | 'write'>;
  readonly builds: RecordedBuilds;
  readonly networks: NetworkQueries;
  readonly volumes: VolumeCommands;
  readonly disk: DiskCommands;
  readonly audit: SecurityAudit;
  /** Runtimes that were put below the data root. */
  readonly runtimes: PinnedRuntimes;
  /** Open descriptors and threads of the engine itself. */
  ownProcess(): Promise<OwnProcess>;
  readonly host: HostFacts;
}

export type NetworkQueries = Pick<Networks, 'list' | 'get' | 'create'> &
  ContainerNetworks & {
    /** `forbidden` for predefined networks, `conflict`/`forbidden` when endpoints exist, as Docker. */
    remove(nameOrId: string): Promise<NetworkInfo>;
    /** Bridges, their members and the firewall rules are made as the records say. */
    repair(): Promise<void>;
    /** Containers attached to it now. */
    members(id: string): {
      containerId: string;
      name: string;
      endpointId: string;
      macAddress: string;
      ipv4: string;
      ipv6: string;
    }[];
  };

export type VolumeCommands = Pick<Volumes, 'create' | 'get' | 'list'> & {
  /** `conflict` when a container refers to it. */
  remove(name: string, options: { force: boolean }): Promise<void>;
} & VolumeTransfers;

/** Facts for `info` and `version`, gathered once at start where they cannot change. */
export interface HostFacts {
  /** Stable random id of this engine's data root. */
  id: string;
  name: string;
  dataRoot: string;
  kernelVersion: string;
  operatingSystem: string;
  osVersion: string;
  architecture: string;
  cpus: number;
  /** What `CpusetCpus` and `CpusetMems` may name, as `0-3`; absent where the kernel does not tell. */
  cpuList?: string;
  memoryNodes?: string;
  memoryBytes: number;
  cgroupVersion: '1' | '2';
  cgroupDriver: 'cgroupfs' | 'systemd';
  runtimes: Record<string, { path: string }>;
  defaultRuntime: string;
  runtimeVersion: string;
  monitorVersion: string;
  initBinary: string;
  insecureRegistries: string[];
  /** Addresses in order, by the host in the names of images. */
  registryMirrors: Record<string, string[]>;
  /** For registries, without passwords; empty when there is none. */
  proxies: { http: string; https: string; exceptions: string };
  /** As set: `builtin`, `unconfined`, a path. */
  seccompProfile: string;
  /** The preset of containers that name none. */
  securityPreset: string;
  /** Containers get ids of their own unless they say otherwise. */
  userNamespaces: boolean;
  /** Containers get a profile of AppArmor. */
  appArmor: boolean;
  cdiSpecDirs: string[];
  /** Of networks' subnets, where they were set. */
  addressPools?: readonly { base: string; size: number }[];
  logDriver: string;
  /** Those that work on this machine. */
  logDrivers: string[];
  startedAtMs: number;
  warnings: string[];
}
