import type { ContainerConfig } from '../../../engine/container/config.ts';
import { formatHealthCheck } from '../../../engine/container/health/health-check.ts';
import type { HostFacts } from '../../../engine/host/engine.ts';
import type {
  ContainerConfigJson,
  HostConfigJson,
} from '../../../foundation/wire/docker/container-config.ts';
import { defaultMaskedPaths, defaultReadonlyPaths } from '../../../resources/spec/to-spec.ts';
import { networkModeOf } from './container-network.ts';
import { fromDeviceRequest } from './device-requests.ts';
import { fromMountRequest } from './mount-request.ts';
import { fromResources } from './resources.ts';

const defaultShmBytes = 64 * 1024 * 1024;

/** `Config` of inspect. */
export function toConfigJson(config: ContainerConfig): ContainerConfigJson {
  const asSet = (keys: string[]): Record<string, Record<string, never>> =>
    Object.fromEntries(keys.map((key) => [key, {}]));
  const macAddress = config.network.endpoints[networkModeOf(config)]?.macAddress;
  return {
    Hostname: config.hostname,
    Domainname: config.domainname,
    User: config.user,
    AttachStdin: config.attachStdin,
    AttachStdout: config.attachStdout,
    AttachStderr: config.attachStderr,
    ...(config.exposedPorts.length > 0 ? { ExposedPorts: asSet(config.exposedPorts) } : {}),
    Tty: config.terminal,
    OpenStdin: config.openStdin,
    StdinOnce: config.stdinOnce,
    Env: orNull(config.env),
    Cmd: config.command ?? null,
    Image: config.image,
    Volumes: config.volumes.length > 0 ? asSet(config.volumes) : null,
    WorkingDir: config.workingDir,
    Entrypoint: config.entrypoint ?? null,
    ...(macAddress ? { MacAddress: macAddress } : {}),
    OnBuild: config.onBuild ?? null,
    Labels: config.labels,
    ...(config.stopSignal === undefined ? {} : { StopSignal: config.stopSignal }),
    ...(config.stopTimeoutSeconds === undefined ? {} : { StopTimeout: config.stopTimeoutSeconds }),
    ...(config.shell === undefined ? {} : { Shell: config.shell }),
    ...(config.health === undefined ? {} : { Healthcheck: formatHealthCheck(config.health) }),
  };
}

/**
 * `HostConfig` of inspect: what was asked for, with the defaults that hold on this host. Lists that nobody filled are empty or null as they are for a
 * request of Docker's CLI.
 */
export function toHostConfigJson(
  config: ContainerConfig,
  host: Pick<HostFacts, 'cgroupVersion' | 'defaultRuntime'>,
): HostConfigJson {
  const { security, namespaces, network, restart } = config;
  const { rows, columns } = config.consoleSize ?? { rows: 0, columns: 0 };
  return {
    Binds: orNull(config.binds),
    ContainerIDFile: config.containerIdFile ?? '',
    LogConfig: { Type: config.log.driver || 'json-file', Config: config.log.options },
    NetworkMode: networkModeOf(config),
    PortBindings: Object.fromEntries(
      Object.entries(network.ports).map(([key, bindings]) => [
        key,
        bindings.map(({ hostAddress, hostPort }) => ({ HostIp: hostAddress, HostPort: hostPort })),
      ]),
    ),
    RestartPolicy: { Name: restart.name || 'no', MaximumRetryCount: restart.maximumRetryCount },
    AutoRemove: config.autoRemove,
    VolumeDriver: config.volumeDriver ?? '',
    VolumesFrom: orNull(config.volumesFrom),
    ConsoleSize: [rows, columns],
    ...(Object.keys(config.annotations).length > 0 ? { Annotations: config.annotations } : {}),
    CapAdd: orNull(security.capAdd),
    CapDrop: orNull(security.capDrop),
    CgroupnsMode:
      namespaces.cgroup || (host.cgroupVersion === '2' && !security.privileged ? 'private' : 'host'),
    Dns: network.dns,
    DnsOptions: network.dnsOptions,
    DnsSearch: network.dnsSearch,
    ExtraHosts: orNull(network.extraHosts),
    GroupAdd: orNull(security.groupAdd),
    IpcMode: namespaces.ipc || 'private',
    Cgroup: '',
    Links: orNull(network.links.map(({ name, alias }) => `${name}:${alias}`)),
    OomScoreAdj: config.oomScoreAdj,
    PidMode: namespaces.pid,
    Privileged: security.privileged,
    PublishAllPorts: network.publishAll,
    ReadonlyRootfs: security.readOnlyRootfs,
    SecurityOpt: orNull(securityOptions(config)),
    ...(Object.keys(config.tmpfs).length > 0 ? { Tmpfs: config.tmpfs } : {}),
    UTSMode: namespaces.uts,
    UsernsMode: namespaces.user,
    ShmSize: config.shmSizeBytes ?? defaultShmBytes,
    ...(Object.keys(config.sysctls).length > 0 ? { Sysctls: config.sysctls } : {}),
    Runtime: config.runtimeName ?? host.defaultRuntime,
    Isolation: '',
    ...fromResources(config.resources),
    CgroupParent: config.cgroupParent,
    Devices: config.devices.map(({ hostPath, containerPath, permissions }) => ({
      PathOnHost: hostPath,
      PathInContainer: containerPath,
      CgroupPermissions: permissions,
    })),
    DeviceCgroupRules: orNull(config.deviceCgroupRules),
    DeviceRequests: config.deviceRequests?.map(fromDeviceRequest) ?? null,
    ...(config.mounts.length > 0 ? { Mounts: config.mounts.map(fromMountRequest) } : {}),
    MaskedPaths: security.maskedPaths ?? (security.privileged ? null : [...defaultMaskedPaths]),
    ReadonlyPaths: security.readonlyPaths ?? (security.privileged ? null : [...defaultReadonlyPaths]),
    ...(config.init === undefined ? {} : { Init: config.init }),
  };
}

/** Where there is nothing left to separate Docker says that labels are off. */
function securityOptions({ security, namespaces }: ContainerConfig): string[] {
  const isOpen = security.privileged || namespaces.pid === 'host' || namespaces.ipc === 'host';
  return isOpen && security.options.length === 0 ? ['label=disable'] : security.options;
}

function orNull<T>(list: T[]): T[] | null {
  return list.length === 0 ? null : list;
}
