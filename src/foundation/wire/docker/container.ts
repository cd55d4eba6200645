import type {
  ContainerConfigJson,
  EndpointSettingsJson,
  HostConfigJson,
  PortBindingJson,
  PortMapJson,
  ResourcesJson,
  RestartPolicyJson,
} from './container-config.ts';

/** Answers of the container routes, Docker Engine API v1.51. Times are RFC 3339 with nanoseconds unless a comment says otherwise. */
export interface ContainerCreateResponse {
  Id: string;
  Warnings: string[];
}

export interface ContainerSummaryJson {
  Id: string;
  /** With a leading slash. */
  Names: string[];
  Image: string;
  ImageID: string;
  Command: string;
  /** Seconds since the epoch. */
  Created: number;
  Ports: PortJson[];
  SizeRw?: number;
  SizeRootFs?: number;
  Labels: Record<string, string>;
  State: ContainerStatusWord;
  /** For people: `Up 5 seconds`, `Exited (0) 2 minutes ago`. */
  Status: string;
  HostConfig: { NetworkMode: string; Annotations?: Record<string, string> };
  NetworkSettings: { Networks: Record<string, EndpointSettingsJson> };
  Mounts: MountPointJson[];
}

export type ContainerStatusWord =
  | 'created'
  | 'running'
  | 'paused'
  | 'restarting'
  | 'removing'
  | 'exited'
  | 'dead';

export interface PortJson {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}

export interface MountPointJson {
  Type: string;
  Name?: string;
  Source: string;
  Destination: string;
  Driver?: string;
  Mode: string;
  RW: boolean;
  Propagation: string;
}

export interface ContainerInspectJson {
  Id: string;
  Created: string;
  Path: string;
  Args: string[];
  State: ContainerStateJson;
  Image: string;
  ResolvConfPath: string;
  HostnamePath: string;
  HostsPath: string;
  LogPath: string;
  /** With a leading slash. */
  Name: string;
  RestartCount: number;
  Driver: string;
  Platform: string;
  MountLabel: string;
  ProcessLabel: string;
  AppArmorProfile: string;
  /** Not Docker's: whose ids the present or last run has, and why when they are the host's. Absent before the first start. */
  UserNamespace?: { Own: boolean; Reason: string };
  ExecIDs: string[] | null;
  HostConfig: HostConfigJson;
  GraphDriver: GraphDriverJson;
  SizeRw?: number;
  SizeRootFs?: number;
  Mounts: MountPointJson[];
  Config: ContainerConfigJson;
  NetworkSettings: NetworkSettingsJson;
}

export interface GraphDriverJson {
  Name: string;
  Data: Record<string, string> | null;
}

export interface ContainerStateJson {
  Status: ContainerStatusWord;
  Running: boolean;
  Paused: boolean;
  Restarting: boolean;
  OOMKilled: boolean;
  Dead: boolean;
  Pid: number;
  ExitCode: number;
  Error: string;
  /** `0001-01-01T00:00:00Z` when it never did. */
  StartedAt: string;
  FinishedAt: string;
  Health?: HealthJson;
}

export interface HealthJson {
  Status: 'none' | 'starting' | 'healthy' | 'unhealthy';
  FailingStreak: number;
  Log: { Start: string; End: string; ExitCode: number; Output: string }[];
}

export interface NetworkSettingsJson {
  Bridge: string;
  SandboxID: string;
  SandboxKey: string;
  Ports: Record<string, PortBindingJson[] | null>;
  HairpinMode: boolean;
  LinkLocalIPv6Address: string;
  LinkLocalIPv6PrefixLen: number;
  SecondaryIPAddresses: null;
  SecondaryIPv6Addresses: null;
  EndpointID: string;
  Gateway: string;
  GlobalIPv6Address: string;
  GlobalIPv6PrefixLen: number;
  IPAddress: string;
  IPPrefixLen: number;
  IPv6Gateway: string;
  MacAddress: string;
  Networks: Record<string, EndpointSettingsJson>;
}

export interface WaitResponse {
  StatusCode: number;
  Error?: { Message: string };
}

export interface TopResponse {
  Titles: string[];
  Processes: string[][];
}

export interface ContainerUpdateBody extends ResourcesJson {
  RestartPolicy?: RestartPolicyJson | null;
  /** Ours: ports that a running container publishes from now on, and no longer, in the form of `PortBindings`. */
  PublishAdd?: PortMapJson | null;
  PublishRemove?: PortMapJson | null;
}

export interface ContainerUpdateResponse {
  Warnings: string[] | null;
}

export interface ContainersPruneResponse {
  ContainersDeleted: string[] | null;
  SpaceReclaimed: number;
}

export interface FilesystemChangeJson {
  Path: string;
  /** 0 modified, 1 added, 2 deleted. */
  Kind: 0 | 1 | 2;
}

/** In the header `X-Docker-Container-Path-Stat`, in base64. */
export interface ContainerPathStat {
  name: string;
  size: number;
  /** Go's `os.FileMode`. */
  mode: number;
  mtime: string;
  /** Where a link leads, from the container's root; empty for others. */
  linkTarget: string;
}
