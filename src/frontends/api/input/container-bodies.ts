import type { ContainerUpdateBody } from '../../../foundation/wire/docker/container.ts';
import type {
  ContainerConfigJson,
  ContainerCreateBody,
  DeviceMappingJson,
  DeviceRequestJson,
  EndpointSettingsJson,
  HealthConfigJson,
  HostConfigJson,
  LogConfigJson,
  MountJson,
  NetworkingConfigJson,
  PortBindingJson,
  ResourcesJson,
  RestartPolicyJson,
  ThrottleDeviceJson,
} from '../../../foundation/wire/docker/container-config.ts';
import type { NetworkConnectBody, NetworkDisconnectBody } from '../../../foundation/wire/docker/network.ts';
import type { ExecCreateBody, ExecStartBody } from '../../../foundation/wire/docker/exec.ts';
import {
  anyObject,
  type Decoder,
  emptyObject,
  flag,
  integer,
  listOf,
  mapOf,
  nullable,
  objectOf,
  text,
  unsigned,
  words,
} from './decode.ts';

const texts = listOf(text);
const textMap = mapOf(text);
const sets = mapOf((value, path) => (value === null ? {} : emptyObject(value, path)));

const healthFields: Decoder<HealthConfigJson> = objectOf<HealthConfigJson>({
  Test: texts,
  Interval: integer,
  Timeout: integer,
  Retries: integer,
  StartPeriod: integer,
  StartInterval: integer,
});

const throttle = objectOf<ThrottleDeviceJson>({ Path: text, Rate: unsigned(64) }, { Path: '', Rate: 0 });
const device = objectOf<DeviceMappingJson>(
  { PathOnHost: text, PathInContainer: text, CgroupPermissions: text },
  { PathOnHost: '', PathInContainer: '', CgroupPermissions: '' },
);
const deviceRequest = objectOf<DeviceRequestJson>({
  Driver: text,
  Count: integer,
  DeviceIDs: texts,
  Capabilities: listOf(texts),
  Options: textMap,
});
const restartPolicy = objectOf<RestartPolicyJson>({ Name: text, MaximumRetryCount: integer });

const configFields = {
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: sets,
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: texts,
  Cmd: words,
  Healthcheck: healthFields,
  ArgsEscaped: flag,
  Image: text,
  Volumes: sets,
  WorkingDir: text,
  Entrypoint: words,
  NetworkDisabled: flag,
  MacAddress: text,
  OnBuild: texts,
  Labels: textMap,
  StopSignal: text,
  StopTimeout: integer,
  Shell: texts,
} satisfies Parameters<typeof objectOf<ContainerConfigJson>>[0];

const resourceFields = {
  CpuShares: integer,
  Memory: integer,
  CgroupParent: text,
  BlkioWeight: unsigned(16),
  BlkioWeightDevice: listOf(
    objectOf<{ Path: string; Weight: number }>({ Path: text, Weight: unsigned(16) }, { Path: '', Weight: 0 }),
  ),
  BlkioDeviceReadBps: listOf(throttle),
  BlkioDeviceWriteBps: listOf(throttle),
  BlkioDeviceReadIOps: listOf(throttle),
  BlkioDeviceWriteIOps: listOf(throttle),
  CpuPeriod: integer,
  CpuQuota: integer,
  CpuRealtimePeriod: integer,
  CpuRealtimeRuntime: integer,
  CpusetCpus: text,
  CpusetMems: text,
  Devices: listOf(device),
  DeviceCgroupRules: texts,
  DeviceRequests: listOf(deviceRequest),
  KernelMemory: integer,
  KernelMemoryTCP: integer,
  MemoryReservation: integer,
  MemorySwap: integer,
  MemorySwappiness: integer,
  NanoCpus: integer,
  OomKillDisable: flag,
  PidsLimit: integer,
  Ulimits: listOf(
    objectOf<{ Name: string; Soft: number; Hard: number }>(
      { Name: text, Soft: integer, Hard: integer },
      { Name: '', Soft: 0, Hard: 0 },
    ),
  ),
  CpuCount: integer,
  CpuPercent: integer,
  IOMaximumIOps: integer,
  IOMaximumBandwidth: integer,
} satisfies Parameters<typeof objectOf<ResourcesJson>>[0];

const mount = objectOf<MountJson>({
  Type: text,
  Source: text,
  Target: text,
  ReadOnly: flag,
  Consistency: text,
  BindOptions: objectOf<NonNullable<NonNullable<MountJson['BindOptions']>>>({
    Propagation: text,
    NonRecursive: flag,
    CreateMountpoint: flag,
    ReadOnlyNonRecursive: flag,
    ReadOnlyForceRecursive: flag,
  }),
  VolumeOptions: objectOf<NonNullable<MountJson['VolumeOptions']>>({
    NoCopy: flag,
    Labels: textMap,
    DriverConfig: objectOf<NonNullable<NonNullable<MountJson['VolumeOptions']>['DriverConfig']>>({
      Name: text,
      Options: textMap,
    }),
    Subpath: text,
  }),
  ImageOptions: objectOf<NonNullable<MountJson['ImageOptions']>>({ Subpath: text }),
  TmpfsOptions: objectOf<NonNullable<MountJson['TmpfsOptions']>>({
    SizeBytes: integer,
    Mode: integer,
    Options: listOf(texts),
  }),
  ClusterOptions: anyObject,
});

const portBinding = objectOf<PortBindingJson>({ HostIp: text, HostPort: text });

const portMap = mapOf(nullable(listOf(portBinding)));

const hostConfig: Decoder<HostConfigJson> = objectOf<HostConfigJson>({
  ...resourceFields,
  Binds: texts,
  ContainerIDFile: text,
  LogConfig: objectOf<LogConfigJson>({ Type: text, Config: textMap }),
  NetworkMode: text,
  PortBindings: portMap,
  RestartPolicy: restartPolicy,
  AutoRemove: flag,
  VolumeDriver: text,
  VolumesFrom: texts,
  Mounts: listOf(mount),
  ConsoleSize: listOf(unsigned(64)),
  Annotations: textMap,
  CapAdd: words,
  CapDrop: words,
  CgroupnsMode: text,
  Dns: texts,
  DnsOptions: texts,
  DnsSearch: texts,
  ExtraHosts: texts,
  GroupAdd: texts,
  IpcMode: text,
  Cgroup: text,
  Links: texts,
  OomScoreAdj: integer,
  PidMode: text,
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: texts,
  StorageOpt: textMap,
  Tmpfs: textMap,
  UTSMode: text,
  UsernsMode: text,
  ShmSize: integer,
  Sysctls: textMap,
  Runtime: text,
  Isolation: text,
  MaskedPaths: texts,
  ReadonlyPaths: texts,
  Init: flag,
});

const endpointSettings = objectOf<EndpointSettingsJson>({
  IPAMConfig: objectOf<NonNullable<EndpointSettingsJson['IPAMConfig']>>({
    IPv4Address: text,
    IPv6Address: text,
    LinkLocalIPs: texts,
  }),
  Links: texts,
  Aliases: texts,
  MacAddress: text,
  DriverOpts: textMap,
  GwPriority: integer,
  NetworkID: text,
  EndpointID: text,
  Gateway: text,
  IPAddress: text,
  IPPrefixLen: integer,
  IPv6Gateway: text,
  GlobalIPv6Address: text,
  GlobalIPv6PrefixLen: integer,
  DNSNames: texts,
});

export const networkConnectBody: Decoder<NetworkConnectBody> = objectOf<NetworkConnectBody>({
  Container: text,
  EndpointConfig: endpointSettings,
});

export const networkDisconnectBody: Decoder<NetworkDisconnectBody> = objectOf<NetworkDisconnectBody>({
  Container: text,
  Force: flag,
});

export const containerCreateBody: Decoder<ContainerCreateBody> = objectOf<ContainerCreateBody>({
  ...configFields,
  HostConfig: hostConfig,
  NetworkingConfig: objectOf<NetworkingConfigJson>({ EndpointsConfig: mapOf(nullable(endpointSettings)) }),
});

export const commitBody: Decoder<ContainerConfigJson> = objectOf<ContainerConfigJson>(configFields);

export const containerUpdateBody: Decoder<ContainerUpdateBody> = objectOf<ContainerUpdateBody>({
  ...resourceFields,
  RestartPolicy: restartPolicy,
  PublishAdd: portMap,
  PublishRemove: portMap,
});

export const execCreateBody: Decoder<ExecCreateBody> = objectOf<ExecCreateBody>({
  User: text,
  Privileged: flag,
  Tty: flag,
  ConsoleSize: listOf(unsigned(64)),
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  DetachKeys: text,
  Env: texts,
  WorkingDir: text,
  Cmd: words,
  Detach: flag,
});

export const execStartBody: Decoder<ExecStartBody> = objectOf<ExecStartBody>({
  Detach: flag,
  Tty: flag,
  ConsoleSize: listOf(unsigned(64)),
});
