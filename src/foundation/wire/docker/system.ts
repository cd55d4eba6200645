import type { BuildCacheJson } from '../silo/builds.ts';
import type { ContainerSummaryJson } from './container.ts';
import type { ImageSummaryJson } from './image.ts';
import type { VolumeJson } from './volume.ts';

/** The body of every answer with a status of 400 or more. */
export interface ErrorBody {
  message: string;
}

export interface VersionJson {
  Platform: { Name: string };
  Components: { Name: string; Version: string; Details?: Record<string, string> }[];
  Version: string;
  ApiVersion: string;
  MinAPIVersion: string;
  GitCommit: string;
  GoVersion: string;
  Os: string;
  Arch: string;
  KernelVersion: string;
  Experimental?: boolean;
  BuildTime: string;
}

export interface InfoJson {
  ID: string;
  Containers: number;
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  Images: number;
  Driver: string;
  DriverStatus: [string, string][];
  SystemStatus?: [string, string][] | null;
  Plugins: {
    Volume: string[] | null;
    Network: string[] | null;
    Authorization: string[] | null;
    Log: string[] | null;
  };
  MemoryLimit: boolean;
  SwapLimit: boolean;
  KernelMemoryTCP?: boolean;
  CpuCfsPeriod: boolean;
  CpuCfsQuota: boolean;
  CPUShares: boolean;
  CPUSet: boolean;
  PidsLimit: boolean;
  IPv4Forwarding: boolean;
  /** Always true up to API 1.49, absent later. */
  BridgeNfIptables?: boolean;
  BridgeNfIp6tables?: boolean;
  Debug: boolean;
  NFd: number;
  OomKillDisable: boolean;
  NGoroutines: number;
  SystemTime: string;
  LoggingDriver: string;
  CgroupDriver: string;
  CgroupVersion: string;
  NEventsListener: number;
  KernelVersion: string;
  OperatingSystem: string;
  OSVersion: string;
  OSType: string;
  Architecture: string;
  IndexServerAddress: string;
  RegistryConfig: {
    InsecureRegistryCIDRs: string[];
    IndexConfigs: Record<string, { Name: string; Mirrors: string[]; Secure: boolean; Official: boolean }>;
    Mirrors: string[] | null;
  };
  NCPU: number;
  MemTotal: number;
  GenericResources: null;
  DockerRootDir: string;
  HttpProxy: string;
  HttpsProxy: string;
  NoProxy: string;
  Name: string;
  Labels: string[];
  ExperimentalBuild: boolean;
  ServerVersion: string;
  Runtimes: Record<string, { path: string; runtimeArgs?: string[] }>;
  DefaultRuntime: string;
  Swarm: {
    NodeID: string;
    NodeAddr: string;
    LocalNodeState: string;
    ControlAvailable: boolean;
    Error: string;
    RemoteManagers: null;
  };
  LiveRestoreEnabled: boolean;
  Isolation: string;
  InitBinary: string;
  ContainerdCommit: CommitJson;
  RuncCommit: CommitJson;
  InitCommit: CommitJson;
  SecurityOptions: string[];
  ProductLicense?: string;
  DefaultAddressPools?: { Base: string; Size: number }[];
  FirewallBackend?: { Driver: string; Info?: [string, string][] };
  CDISpecDirs: string[];
  Warnings: string[] | null;
}

export interface CommitJson {
  ID: string;
  /** Up to API 1.48. */
  Expected?: string;
}

export interface SystemDfJson {
  LayersSize?: number;
  Images?: ImageSummaryJson[];
  Containers?: ContainerSummaryJson[];
  Volumes?: VolumeJson[];
  BuildCache?: BuildCacheJson[];
}

/** One line of `GET /events`. */
export interface EventMessageJson {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: 'local' | 'swarm';
  /** Seconds since the epoch. */
  time: number;
  /** Beyond 2^53: read it as text when each nanosecond matters. */
  timeNano: number;
  /** Legacy doubles of the above, containers and images only; up to API 1.51. */
  status?: string;
  id?: string;
  from?: string;
}
