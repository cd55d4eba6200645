import { invalid } from '../../../foundation/base/errors.ts';
import type {
  ContainerConfigJson,
  ContainerCreateBody,
  HealthConfigJson,
  HostConfigJson,
} from '../../../foundation/wire/docker/container-config.ts';
import type { ContainerConfig } from '../../../engine/container/config.ts';
import { parseFailureAction, parseHealthCheck } from '../../../engine/container/health/health-check.ts';
import { type HealthCheck, onFailureAnnotation } from '../../../engine/container/health/health.ts';
import { checkHostConfig } from './host-config-checks.ts';
import { toDeviceRequest } from './device-requests.ts';
import { toMountRequest } from './mount-request.ts';
import { parsePortRange, toNetworkRequest } from './network-request.ts';
import type { HostLimits } from './resource-limits.ts';
import { conflicting, defined } from './refuse.ts';
import { toResources } from './resources.ts';
import { toRestartPolicy } from './restart-policy.ts';

/**
 * A create request in our words. Every field is either carried over, checked to ask for nothing, or refused by name. `ArgsEscaped`, `Isolation` and
 * `Consistency` concern other systems than Linux.
 */
export function toContainerConfig(body: ContainerCreateBody, host: HostLimits): ContainerConfig {
  const hostConfig = body.HostConfig ?? {};
  if (Object.keys(body).length === 0)
    throw invalid('config cannot be empty in order to create a container', { code: 'no-config' });
  checkHostConfig(hostConfig);
  checkNames(body, hostConfig);
  return defined<ContainerConfig>({
    image: body.Image ?? '',
    hostname: body.Hostname ?? '',
    domainname: body.Domainname ?? '',
    user: body.User ?? '',
    env: body.Env ?? [],
    entrypoint: wordsOf(body.Entrypoint),
    command: wordsOf(body.Cmd),
    workingDir: body.WorkingDir ?? '',
    labels: body.Labels ?? {},
    annotations: hostConfig.Annotations ?? {},
    terminal: body.Tty ?? false,
    openStdin: body.OpenStdin ?? false,
    stdinOnce: body.StdinOnce ?? false,
    attachStdin: body.AttachStdin ?? false,
    attachStdout: body.AttachStdout ?? false,
    attachStderr: body.AttachStderr ?? false,
    stopSignal: body.StopSignal || undefined,
    stopTimeoutSeconds: body.StopTimeout ?? undefined,
    health: toHealth(body.Healthcheck, hostConfig.Annotations),
    exposedPorts: Object.keys(body.ExposedPorts ?? {}).flatMap(parsePortRange),
    volumes: Object.keys(body.Volumes ?? {}),
    consoleSize: toConsoleSize(hostConfig.ConsoleSize),
    onBuild: body.OnBuild?.length ? body.OnBuild : undefined,
    shell: body.Shell?.length ? body.Shell : undefined,
    containerIdFile: hostConfig.ContainerIDFile || undefined,
    autoRemove: hostConfig.AutoRemove ?? false,
    restart: toRestartPolicy(hostConfig.RestartPolicy),
    runtimeName: hostConfig.Runtime || undefined,
    init: hostConfig.Init ?? undefined,
    binds: hostConfig.Binds ?? [],
    mounts: (hostConfig.Mounts ?? []).map(toMountRequest),
    tmpfs: hostConfig.Tmpfs ?? {},
    volumesFrom: hostConfig.VolumesFrom ?? [],
    volumeDriver: hostConfig.VolumeDriver || undefined,
    network: toNetworkRequest({ config: body, host: hostConfig, networking: body.NetworkingConfig }),
    log: { driver: hostConfig.LogConfig?.Type ?? '', options: hostConfig.LogConfig?.Config ?? {} },
    security: toSecurity(hostConfig),
    namespaces: {
      pid: hostConfig.PidMode ?? '',
      ipc: hostConfig.IpcMode ?? '',
      uts: hostConfig.UTSMode ?? '',
      cgroup: hostConfig.CgroupnsMode ?? '',
      user: hostConfig.UsernsMode ?? '',
    },
    resources: toResources(hostConfig, host),
    devices: (hostConfig.Devices ?? []).map((device) => ({
      hostPath: device.PathOnHost,
      containerPath: device.PathInContainer || device.PathOnHost,
      permissions: device.CgroupPermissions || 'rwm',
    })),
    deviceCgroupRules: hostConfig.DeviceCgroupRules ?? [],
    deviceRequests: hostConfig.DeviceRequests?.length
      ? hostConfig.DeviceRequests.map(toDeviceRequest)
      : undefined,
    sysctls: hostConfig.Sysctls ?? {},
    shmSizeBytes: hostConfig.ShmSize || undefined,
    oomScoreAdj: hostConfig.OomScoreAdj ?? 0,
    cgroupParent: hostConfig.CgroupParent ?? '',
  });
}

/** What the engine will do other than asked, in words for the person who asked. */
export function createWarnings(config: ContainerConfig): string[] {
  const warnings: string[] = [];
  if (config.network.mode === 'host' && Object.keys(config.network.ports).length > 0)
    warnings.push('Published ports are discarded when using host network mode');
  if (config.resources.oomKillDisable && !config.resources.memoryBytes)
    warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    );
  return warnings;
}

/** Height and width as Docker orders them; `[0, 0]` says nothing. */
export function toConsoleSize(
  size: number[] | null | undefined,
): { columns: number; rows: number } | undefined {
  const [rows = 0, columns = 0] = size ?? [];
  if (rows < 0 || columns < 0 || rows > 65_535 || columns > 65_535)
    throw invalid(`invalid console size ${rows}x${columns}`, { code: 'bad-console-size' });
  return rows === 0 || columns === 0 ? undefined : { columns, rows };
}

function wordsOf(words: string[] | string | null | undefined): string[] | undefined {
  const list = typeof words === 'string' ? [words] : (words ?? []);
  return list.length === 0 ? undefined : list;
}

function toSecurity(host: HostConfigJson): ContainerConfig['security'] {
  return defined<ContainerConfig['security']>({
    privileged: host.Privileged ?? false,
    readOnlyRootfs: host.ReadonlyRootfs ?? false,
    capAdd: wordsOf(host.CapAdd) ?? [],
    capDrop: wordsOf(host.CapDrop) ?? [],
    groupAdd: host.GroupAdd ?? [],
    options: host.SecurityOpt ?? [],
    maskedPaths: host.MaskedPaths ?? undefined,
    readonlyPaths: host.ReadonlyPaths ?? undefined,
  });
}

/** The action on failure has no field in Docker's API: it is an annotation, which inspect shows as given. */
function toHealth(
  json: HealthConfigJson | null | undefined,
  annotations: Record<string, string> | null | undefined,
): HealthCheck | undefined {
  const action = annotations?.[onFailureAnnotation];
  if (!json && action === undefined) return undefined;
  const check = parseHealthCheck({ ...json, Test: json?.Test ?? [] });
  return { ...check, ...(action === undefined ? {} : { onFailure: parseFailureAction(action) }) };
}

/** The kernel's and hosts(5)'s idea of a host name: printable, and short enough for sethostname(2). */
function checkNames(config: ContainerConfigJson, host: HostConfigJson): void {
  for (const name of [config.Hostname ?? '', config.Domainname ?? ''])
    if (!/^[\x21-\x7e]{0,64}$/.test(name))
      throw invalid(`invalid hostname format: ${JSON.stringify(name.slice(0, 80))}`, {
        code: 'bad-hostname',
      });
  for (const entry of config.Env ?? [])
    if (entry === '' || entry.startsWith('='))
      throw invalid(`invalid environment variable: ${entry.slice(0, 80)}`, { code: 'bad-variable' });
  if (config.Hostname && host.UTSMode === 'host') throw conflicting('hostname and the UTS mode');
}
