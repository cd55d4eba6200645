/**
 * Docker Engine API v1.51: what a container is asked to be. Go clients write `null` for an absent list, map or pointer, so those fields are
 * nullable; a missing field, `null` and the empty value mean the same unless a comment says otherwise.
 */
export interface ContainerCreateBody extends ContainerConfigJson {
  HostConfig?: HostConfigJson | null;
  NetworkingConfig?: NetworkingConfigJson | null;
}

export interface ContainerConfigJson {
  Hostname?: string;
  Domainname?: string;
  User?: string;
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  ExposedPorts?: Record<string, Record<string, never>> | null;
  Tty?: boolean;
  OpenStdin?: boolean;
  StdinOnce?: boolean;
  Env?: string[] | null;
  /** A bare string is a list of one word. */
  Cmd?: string[] | string | null;
  Healthcheck?: HealthConfigJson | null;
  ArgsEscaped?: boolean | null;
  Image?: string;
  Volumes?: Record<string, Record<string, never>> | null;
  WorkingDir?: string;
  /** A bare string is a list of one word; `[""]` resets the image's entry point. */
  Entrypoint?: string[] | string | null;
  NetworkDisabled?: boolean | null;
  /** Deprecated since 1.44: `EndpointSettings.MacAddress` instead. */
  MacAddress?: string | null;
  OnBuild?: string[] | null;
  Labels?: Record<string, string> | null;
  StopSignal?: string | null;
  /** Seconds. */
  StopTimeout?: number | null;
  Shell?: string[] | null;
}

/** Durations in nanoseconds. */
export interface HealthConfigJson {
  Test?: string[] | null;
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
  StartInterval?: number;
}

export interface ResourcesJson {
  CpuShares?: number;
  Memory?: number;
  CgroupParent?: string;
  BlkioWeight?: number;
  BlkioWeightDevice?: { Path: string; Weight: number }[] | null;
  BlkioDeviceReadBps?: ThrottleDeviceJson[] | null;
  BlkioDeviceWriteBps?: ThrottleDeviceJson[] | null;
  BlkioDeviceReadIOps?: ThrottleDeviceJson[] | null;
  BlkioDeviceWriteIOps?: ThrottleDeviceJson[] | null;
  CpuPeriod?: number;
  CpuQuota?: number;
  CpuRealtimePeriod?: number;
  CpuRealtimeRuntime?: number;
  CpusetCpus?: string;
  CpusetMems?: string;
  Devices?: DeviceMappingJson[] | null;
  DeviceCgroupRules?: string[] | null;
  DeviceRequests?: DeviceRequestJson[] | null;
  /** Up to API 1.41. */
  KernelMemory?: number;
  KernelMemoryTCP?: number;
  MemoryReservation?: number;
  MemorySwap?: number;
  MemorySwappiness?: number | null;
  NanoCpus?: number;
  OomKillDisable?: boolean | null;
  PidsLimit?: number | null;
  Ulimits?: { Name: string; Soft: number; Hard: number }[] | null;
  CpuCount?: number;
  CpuPercent?: number;
  IOMaximumIOps?: number;
  IOMaximumBandwidth?: number;
}

export interface HostConfigJson extends ResourcesJson {
  Binds?: string[] | null;
  ContainerIDFile?: string;
  LogConfig?: LogConfigJson | null;
  NetworkMode?: string;
  PortBindings?: PortMapJson | null;
  RestartPolicy?: RestartPolicyJson | null;
  AutoRemove?: boolean;
  VolumeDriver?: string;
  VolumesFrom?: string[] | null;
  Mounts?: MountJson[] | null;
  /** Height, width. */
  ConsoleSize?: number[] | null;
  Annotations?: Record<string, string> | null;
  CapAdd?: string[] | string | null;
  CapDrop?: string[] | string | null;
  CgroupnsMode?: string;
  Dns?: string[] | null;
  DnsOptions?: string[] | null;
  DnsSearch?: string[] | null;
  ExtraHosts?: string[] | null;
  GroupAdd?: string[] | null;
  IpcMode?: string;
  Cgroup?: string;
  Links?: string[] | null;
  OomScoreAdj?: number;
  PidMode?: string;
  Privileged?: boolean;
  PublishAllPorts?: boolean;
  ReadonlyRootfs?: boolean;
  SecurityOpt?: string[] | null;
  StorageOpt?: Record<string, string> | null;
  Tmpfs?: Record<string, string> | null;
  UTSMode?: string;
  UsernsMode?: string;
  ShmSize?: number;
  Sysctls?: Record<string, string> | null;
  Runtime?: string | null;
  Isolation?: string;
  /** null means the engine's defaults, an empty list none. */
  MaskedPaths?: string[] | null;
  ReadonlyPaths?: string[] | null;
  /** null means the daemon's default. */
  Init?: boolean | null;
}

export interface LogConfigJson {
  Type?: string;
  Config?: Record<string, string> | null;
}

export interface RestartPolicyJson {
  Name?: string;
  MaximumRetryCount?: number;
}

export interface ThrottleDeviceJson {
  Path: string;
  Rate: number;
}

export interface DeviceMappingJson {
  PathOnHost: string;
  PathInContainer: string;
  CgroupPermissions: string;
}

export interface DeviceRequestJson {
  Driver?: string;
  Count?: number;
  DeviceIDs?: string[] | null;
  Capabilities?: string[][] | null;
  Options?: Record<string, string> | null;
}

/** Keyed by `80/tcp`. */
export type PortMapJson = Record<string, PortBindingJson[] | null>;

export interface PortBindingJson {
  HostIp?: string;
  HostPort?: string;
}

export interface MountJson {
  Type?: string;
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: {
    Propagation?: string;
    NonRecursive?: boolean;
    CreateMountpoint?: boolean;
    ReadOnlyNonRecursive?: boolean;
    ReadOnlyForceRecursive?: boolean;
  } | null;
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: Record<string, string> | null;
    DriverConfig?: { Name?: string; Options?: Record<string, string> | null } | null;
    Subpath?: string;
  } | null;
  ImageOptions?: { Subpath?: string } | null;
  TmpfsOptions?: { SizeBytes?: number; Mode?: number; Options?: string[][] | null } | null;
  ClusterOptions?: Record<string, unknown> | null;
}

export interface NetworkingConfigJson {
  EndpointsConfig?: Record<string, EndpointSettingsJson | null> | null;
}

/** The upper half is asked for, the lower half is answered. */
export interface EndpointSettingsJson {
  IPAMConfig?: EndpointIpamJson | null;
  Links?: string[] | null;
  Aliases?: string[] | null;
  MacAddress?: string;
  DriverOpts?: Record<string, string> | null;
  GwPriority?: number;
  NetworkID?: string;
  EndpointID?: string;
  Gateway?: string;
  IPAddress?: string;
  IPPrefixLen?: number;
  IPv6Gateway?: string;
  GlobalIPv6Address?: string;
  GlobalIPv6PrefixLen?: number;
  DNSNames?: string[] | null;
}

export interface EndpointIpamJson {
  IPv4Address?: string;
  IPv6Address?: string;
  LinkLocalIPs?: string[] | null;
}
