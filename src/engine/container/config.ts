import type { ContainerId } from '../../foundation/base/ids.ts';
import type { HealthCheck } from './health/health.ts';

/**
 * What a container is asked to be, in our words: the request joined with nothing else (image defaults are applied at create and kept here, as
 * Docker does in `Config`). Frontends translate to and from it without loss. Sizes in bytes, durations as named.
 */
export interface ContainerConfig {
  image: string;
  hostname: string;
  domainname: string;
  user: string;
  env: string[];
  /** undefined = take the image's; empty list = reset. */
  entrypoint?: string[];
  command?: string[];
  workingDir: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  terminal: boolean;
  openStdin: boolean;
  stdinOnce: boolean;
  attachStdin: boolean;
  attachStdout: boolean;
  attachStderr: boolean;
  stopSignal?: string;
  stopTimeoutSeconds?: number;
  health?: HealthCheck;
  /** `80/tcp` that the image or the request declares. */
  exposedPorts: string[];
  /** Destinations that get an anonymous volume. */
  volumes: string[];
  consoleSize?: { columns: number; rows: number };
  /** Of no effect on the container: kept for inspect and for images made from it. */
  onBuild?: string[];
  shell?: string[];
  /** Where the client wrote the id; kept for inspect. */
  containerIdFile?: string;

  autoRemove: boolean;
  restart: { name: '' | 'no' | 'always' | 'unless-stopped' | 'on-failure'; maximumRetryCount: number };
  runtimeName?: string;
  init?: boolean;
  /** `-v` strings as given: `source:destination[:mode]`. */
  binds: string[];
  mounts: MountRequest[];
  tmpfs: Record<string, string>;
  volumesFrom: string[];
  /** Of volumes that `-v` and the image make. */
  volumeDriver?: string;
  network: NetworkRequest;
  log: { driver: string; options: Record<string, string> };
  security: SecurityRequest;
  namespaces: { pid: string; ipc: string; uts: string; cgroup: string; user: string };
  resources: Resources;
  devices: { hostPath: string; containerPath: string; permissions: string }[];
  deviceCgroupRules: string[];
  /** Devices by capability or name; the driver `cdi` takes qualified names. */
  deviceRequests?: DeviceRequest[];
  sysctls: Record<string, string>;
  shmSizeBytes?: number;
  oomScoreAdj: number;
  cgroupParent: string;
}

export interface DeviceRequest {
  driver: string;
  /** -1 asks for all. */
  count: number;
  ids: string[];
  /** Alternatives of lists that belong together; undefined when none were named. */
  capabilities?: string[][];
  options?: Record<string, string>;
}

export interface MountRequest {
  type: 'bind' | 'volume' | 'tmpfs' | 'image';
  source: string;
  target: string;
  readOnly: boolean;
  propagation?: string;
  createMountpoint?: boolean;
  noCopy?: boolean;
  labels?: Record<string, string>;
  tmpfsSizeBytes?: number;
  tmpfsMode?: number;
  /** Words, and names with a value. */
  tmpfsOptions?: string[][];
  /** Below the volume or the image. */
  subpath?: string;
  driverName?: string;
  driverOptions?: Record<string, string>;
  /** Without the mounts below the source. */
  nonRecursive?: boolean;
  /** With `readOnly`: mounts below the source stay as they are; or fail where they cannot be read-only. */
  readOnlyNonRecursive?: boolean;
  readOnlyForceRecursive?: boolean;
  /** A hint for other systems; kept for inspect. */
  consistency?: string;
  /** Of `bind`: a file or folder of the engine's own, whose owners are the container's, as those of a volume. No request says so. */
  engineOwned?: boolean;
  /** Of `image`: a folder of the engine's own that takes what is written; without it the mount is read-only. No request says so. */
  scratch?: string;
}

export interface NetworkRequest {
  /** `default`, `bridge`, `none`, `host`, `container:X`, or a network's name. */
  mode: string;
  /** Keyed by container port, `80/tcp`. An empty host port asks for a free one. */
  ports: Record<string, { hostAddress: string; hostPort: string }[]>;
  publishAll: boolean;
  dns: string[];
  dnsSearch: string[];
  dnsOptions: string[];
  extraHosts: string[];
  /** `--link` on the default network. */
  links: LinkRequest[];
  /** It left the network `none` of its mode, and may join others. */
  leftNone?: boolean;
  /**
   * The networks that it joins, by the name or id that was asked for, the one of `mode` first; empty for modes without a place on a network. `connect` and
   * `disconnect` change it.
   */
  endpoints: Record<string, EndpointRequest>;
}

export interface LinkRequest {
  /** Of the other container, when the link was asked for. */
  name: string;
  alias: string;
  /** Since this container was created. */
  id?: ContainerId;
}

/** A place on one network, as asked for. */
export interface EndpointRequest {
  aliases: string[];
  /** Names of this container's own for others on the network: `container:alias`. */
  links: string[];
  macAddress?: string;
  ipv4Address?: string;
  ipv6Address?: string;
  linkLocalAddresses: string[];
  driverOptions: Record<string, string>;
  /** The highest leads the container out. */
  gatewayPriority: number;
  /** When `connect` made it; absent when it was asked for with the container. */
  joinedAtMs?: number;
  /** What the request had, but empty: inspect shows that, and null for what was left out. */
  empty?: ('aliases' | 'addresses' | 'driverOptions')[];
}

export interface SecurityRequest {
  privileged: boolean;
  readOnlyRootfs: boolean;
  capAdd: string[];
  capDrop: string[];
  groupAdd: string[];
  /**
   * `no-new-privileges`, `seccomp=…` (profile JSON), `apparmor=…`, `label=…`, `systempaths=unconfined`, and of ours `silo=PRESET`, `proc-opts=…`,
   * `writable-cgroups=…`.
   */
  options: string[];
  /** undefined = Docker's defaults. */
  maskedPaths?: string[];
  readonlyPaths?: string[];
}

/** 0 or absent means no limit, as in Docker. */
export interface Resources {
  memoryBytes?: number;
  memoryReservationBytes?: number;
  /** Memory plus swap; -1 unlimited. */
  memorySwapBytes?: number;
  memorySwappiness?: number;
  oomKillDisable?: boolean;
  nanoCpus?: number;
  cpuShares?: number;
  cpuPeriodUs?: number;
  cpuQuotaUs?: number;
  cpuRealtimePeriodUs?: number;
  cpuRealtimeRuntimeUs?: number;
  cpusetCpus?: string;
  cpusetMems?: string;
  pidsLimit?: number;
  blkioWeight?: number;
  ulimits?: { name: string; soft: number; hard: number }[];
  blkioWeightDevices?: { path: string; weight: number }[];
  blkioThrottle?: {
    kind: 'read-bps' | 'write-bps' | 'read-iops' | 'write-iops';
    path: string;
    rate: number;
  }[];
}
