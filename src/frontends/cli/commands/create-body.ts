import { stat } from 'node:fs/promises';
import { invalid } from '../../../foundation/base/errors.ts';
import { isCdiName } from '../../../foundation/oci/cdi-name.ts';
import type {
  ContainerConfigJson,
  ContainerCreateBody,
  EndpointSettingsJson,
  HealthConfigJson,
  HostConfigJson,
  ResourcesJson,
} from '../../../foundation/wire/docker/container-config.ts';
import type { OptionValues } from '../command.ts';
import type { Target } from '../contexts/target.ts';
import type { CliIo } from '../io.ts';
import { proxyVariables } from '../preferences.ts';
import { collectCapabilities } from '../parse/capabilities.ts';
import { parseDevice, parseThrottle, parseWeightDevice } from '../parse/device.ts';
import { collectEnv, collectLabels } from '../parse/env.ts';
import { collectPairs } from '../parse/key-value.ts';
import { parseGpus } from '../parse/gpus.ts';
import { parseMount } from '../parse/mount.ts';
import { parseExtraHost, parseNetwork } from '../parse/network.ts';
import type { NetworkOption } from '../parse/network.ts';
import { parseExpose, parsePublish } from '../parse/port.ts';
import { parseRestartPolicy } from '../parse/restart-policy.ts';
import { parseSecurityOptions } from '../parse/security.ts';
import { parseUlimit } from '../parse/ulimit.ts';
import { parseVolumes } from '../parse/volume.ts';
import type { containerOptions } from './container-options.ts';

export type ContainerOptionValues = OptionValues<typeof containerOptions>;

export interface CreateInput {
  options: ContainerOptionValues;
  given: ReadonlySet<string>;
  /** Image, command, arguments. */
  args: readonly string[];
  io: CliIo;
  target: () => Promise<Target>;
  detached: boolean;
}

/** Translates options into the API's request; what only the daemon can judge is left to it. */
export async function createBody(input: CreateInput): Promise<ContainerCreateBody> {
  const { options, io } = input;
  checkConflicts(input);
  const volumes = parseVolumes(options.volume, io.cwd);
  const ports = parsePublish(options.publish);
  const exposed = [...options.expose.flatMap(parseExpose), ...ports.exposed];
  const network = networkPart(options);
  return {
    ...(await configPart(input)),
    ...(exposed.length > 0 ? { ExposedPorts: setOf(exposed) } : {}),
    ...(volumes.anonymous.length > 0 ? { Volumes: setOf(volumes.anonymous) } : {}),
    ...(options['mac-address'] === '' ? {} : { MacAddress: options['mac-address'] }),
    HostConfig: {
      ...(await hostPart(input)),
      ...resourcesPart(input),
      Binds: volumes.binds,
      PortBindings: ports.bindings,
      NetworkMode: network.mode,
    },
    NetworkingConfig: { EndpointsConfig: network.endpoints },
  };
}

const setOf = (names: readonly string[]): Record<string, Record<string, never>> =>
  Object.fromEntries(names.map((name) => [name, {}]));

function checkConflicts({ options, given }: CreateInput): void {
  const swappiness = options['memory-swappiness'];
  if (swappiness !== -1 && (swappiness < 0 || swappiness > 100))
    throw invalid(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  checkMode('--pid', 'PID', options.pid, (mode) => mode === 'host' || mode.startsWith('container:'));
  checkMode('--uts', 'UTS', options.uts, (mode) => mode === 'host');
  checkMode('--userns', 'USER', options.userns, (mode) =>
    /^(host|auto|keep-id(:.+)?|container:.+)$/.test(mode),
  );
  checkMode('--cgroupns', 'CGROUP', options.cgroupns, (mode) => mode === 'host' || mode === 'private');
  const restart = options.restart === 'no' ? '' : options.restart;
  if (options.rm && restart !== '')
    throw invalid('conflicting options: cannot specify both --restart and --rm');
  const hasHealth = healthOptions.some((name) => given.has(name));
  if (options['no-healthcheck'] && hasHealth)
    throw invalid('--no-healthcheck conflicts with --health-* options');
  if (options['log-driver'] === 'none' && options['log-opt'].length > 0)
    throw invalid('invalid logging opts for driver none');
}

function checkMode(flag: string, name: string, mode: string, isValid: (mode: string) => boolean): void {
  if (mode !== '' && !isValid(mode)) throw invalid(`${flag}: invalid ${name} mode`);
}

async function configPart({
  options,
  given,
  args,
  io,
  target,
  detached,
}: CreateInput): Promise<ContainerConfigJson> {
  const [image = '', ...command] = args;
  const streams = options.attach.map((stream) => stream.toLowerCase());
  const wants = (stream: string): boolean => !detached && (streams.length === 0 || streams.includes(stream));
  const attachStdin = !detached && (options.interactive || streams.includes('stdin'));
  const labels = await collectLabels(options['label-file'], options.label);
  const health = healthPart(options, given);
  return {
    Hostname: options.hostname,
    Domainname: options.domainname,
    User: options.user,
    AttachStdin: attachStdin,
    AttachStdout: wants('stdout'),
    AttachStderr: wants('stderr'),
    Tty: options.tty,
    OpenStdin: options.interactive,
    StdinOnce: options.interactive && attachStdin,
    Env: withProxies(
      await collectEnv(options['env-file'], options.env, io.env),
      await proxyVariables(io, (await target()).host),
    ),
    Cmd: command.length > 0 ? command : null,
    Image: image,
    WorkingDir: options.workdir,
    Labels: labels,
    ...(given.has('entrypoint') ? { Entrypoint: [options.entrypoint] } : {}),
    ...(given.has('stop-signal') ? { StopSignal: options['stop-signal'] } : {}),
    ...(given.has('stop-timeout') ? { StopTimeout: options['stop-timeout'] } : {}),
    ...(health ? { Healthcheck: health } : {}),
  };
}

/** What was said of a variable, also that it is not wanted, goes before what proxies say. */
function withProxies(given: readonly string[], proxies: Record<string, string>): string[] {
  const named = new Set(given.map((pair) => pair.split('=')[0]));
  const added = Object.entries(proxies).filter(([name]) => !named.has(name));
  return [...given, ...added.map(([name, value]) => `${name}=${value}`)];
}

const healthOptions = [
  'health-cmd',
  'health-interval',
  'health-timeout',
  'health-start-period',
  'health-start-interval',
  'health-retries',
] as const;

function healthPart(
  options: ContainerOptionValues,
  given: ReadonlySet<string>,
): HealthConfigJson | undefined {
  if (options['no-healthcheck']) return { Test: ['NONE'] };
  if (!healthOptions.some((name) => given.has(name))) return undefined;
  for (const name of healthOptions)
    if (name !== 'health-cmd' && options[name] < 0) throw invalid(`--${name} cannot be negative`);
  return {
    ...(options['health-cmd'] === '' ? {} : { Test: ['CMD-SHELL', options['health-cmd']] }),
    Interval: options['health-interval'],
    Timeout: options['health-timeout'],
    StartPeriod: options['health-start-period'],
    StartInterval: options['health-start-interval'],
    Retries: options['health-retries'],
  };
}

async function hostPart({ options, given, io }: CreateInput): Promise<HostConfigJson> {
  const security = await parseSecurityOptions(options['security-opt']);
  const capabilities = collectCapabilities(options['cap-add'], options['cap-drop']);
  return {
    AutoRemove: options.rm,
    RestartPolicy: parseRestartPolicy(options.restart),
    Privileged: options.privileged,
    PublishAllPorts: options['publish-all'],
    ReadonlyRootfs: options['read-only'],
    CapAdd: capabilities.add,
    CapDrop: capabilities.drop,
    Dns: options.dns,
    DnsOptions: [...options['dns-option'], ...options['dns-opt']],
    DnsSearch: options['dns-search'],
    ExtraHosts: options['add-host'].map(parseExtraHost),
    GroupAdd: options['group-add'],
    IpcMode: options.ipc,
    PidMode: options.pid,
    UTSMode: options.uts,
    UsernsMode: userNamespaceMode(options.userns),
    CgroupnsMode: options.cgroupns,
    Links: options.link,
    VolumesFrom: options['volumes-from'],
    VolumeDriver: options['volume-driver'],
    LogConfig: { Type: options['log-driver'], Config: collectPairs(options['log-opt']) },
    OomScoreAdj: options['oom-score-adj'],
    SecurityOpt: [...(given.has('security') ? [`silo=${options.security}`] : []), ...security.options],
    ...(security.unconfinedPaths ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
    Tmpfs: Object.fromEntries(options.tmpfs.map(splitTmpfs)),
    Mounts: options.mount.map((text) => parseMount(text, io.cwd)),
    Sysctls: collectPairs(options.sysctl),
    Annotations: {
      ...collectPairs(options.annotation),
      ...(given.has('health-on-failure') ? { 'silo.health-on-failure': options['health-on-failure'] } : {}),
    },
    StorageOpt: collectPairs(options['storage-opt']),
    ShmSize: options['shm-size'],
    Runtime: options.runtime,
    Isolation: options.isolation,
    ...(given.has('init') ? { Init: options.init } : {}),
    ...consoleSize(io),
  };
}

const splitTmpfs = (text: string): [string, string] => {
  const colon = text.indexOf(':');
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
};

/** Lets the first prompt know the terminal's size. */
function consoleSize(io: CliIo): Pick<HostConfigJson, 'ConsoleSize'> {
  const { isTTY, rows, columns } = io.stdout;
  return isTTY === true && rows && columns ? { ConsoleSize: [rows, columns] } : {};
}

function resourcesPart({ options, given }: CreateInput): ResourcesJson {
  return {
    CgroupParent: options['cgroup-parent'],
    Memory: options.memory,
    MemoryReservation: options['memory-reservation'],
    MemorySwap: options['memory-swap'],
    ...(options['memory-swappiness'] === -1 ? {} : { MemorySwappiness: options['memory-swappiness'] }),
    ...(given.has('oom-kill-disable') ? { OomKillDisable: options['oom-kill-disable'] } : {}),
    NanoCpus: options.cpus,
    CpuShares: options['cpu-shares'],
    CpuPeriod: options['cpu-period'],
    CpuQuota: options['cpu-quota'],
    CpuRealtimePeriod: options['cpu-rt-period'],
    CpuRealtimeRuntime: options['cpu-rt-runtime'],
    CpusetCpus: options['cpuset-cpus'],
    CpusetMems: options['cpuset-mems'],
    ...(given.has('pids-limit') ? { PidsLimit: options['pids-limit'] } : {}),
    BlkioWeight: options['blkio-weight'],
    BlkioWeightDevice: options['blkio-weight-device'].map(parseWeightDevice),
    BlkioDeviceReadBps: options['device-read-bps'].map((text) => parseThrottle(text, 'bytes')),
    BlkioDeviceWriteBps: options['device-write-bps'].map((text) => parseThrottle(text, 'bytes')),
    BlkioDeviceReadIOps: options['device-read-iops'].map((text) => parseThrottle(text, 'operations')),
    BlkioDeviceWriteIOps: options['device-write-iops'].map((text) => parseThrottle(text, 'operations')),
    Ulimits: options.ulimit.map(parseUlimit),
    Devices: options.device.filter((word) => !isCdiName(word)).map(parseDevice),
    ...deviceRequests(options),
    DeviceCgroupRules: options['device-cgroup-rule'],
  };
}

/** Devices by CDI name, and `--gpus`, which asks a driver of the engine. */
function deviceRequests(options: ContainerOptionValues): Pick<ResourcesJson, 'DeviceRequests'> {
  const names = options.device.filter(isCdiName);
  const requests = [
    ...options.gpus.map(parseGpus),
    ...(names.length > 0 ? [{ Driver: 'cdi', DeviceIDs: names }] : []),
  ];
  return requests.length > 0 ? { DeviceRequests: requests } : {};
}

/** The container's networks. The options without a network's name belong to the first one. */
function networkPart(options: ContainerOptionValues): {
  mode: string;
  endpoints: Record<string, EndpointSettingsJson>;
} {
  const networks = [...options.network, ...options.net].map(parseNetwork);
  const [first = parseNetwork('default'), ...others] = networks;
  addPlainOptions(first, options);
  const endpoints: Record<string, EndpointSettingsJson> = {};
  for (const network of [first, ...others]) {
    if (endpoints[network.target]) throw invalid(`duplicate network name or id: ${network.target}`);
    const endpoint = endpointOf(network);
    if (Object.keys(endpoint).length > 0 || others.length > 0) endpoints[network.target] = endpoint;
  }
  return { mode: first.target, endpoints };
}

function addPlainOptions(network: NetworkOption, options: ContainerOptionValues): void {
  network.aliases.push(...options['network-alias'], ...options['net-alias']);
  network.linkLocal.push(...options['link-local-ip']);
  network.ipv4 ||= options.ip;
  network.ipv6 ||= options.ip6;
  network.macAddress ||= options['mac-address'];
}

function endpointOf(network: NetworkOption): EndpointSettingsJson {
  const ipam = {
    ...(network.ipv4 === '' ? {} : { IPv4Address: network.ipv4 }),
    ...(network.ipv6 === '' ? {} : { IPv6Address: network.ipv6 }),
    ...(network.linkLocal.length === 0 ? {} : { LinkLocalIPs: network.linkLocal }),
  };
  return {
    ...(network.aliases.length === 0 ? {} : { Aliases: network.aliases }),
    ...(Object.keys(network.driverOptions).length === 0 ? {} : { DriverOpts: network.driverOptions }),
    ...(network.macAddress === '' ? {} : { MacAddress: network.macAddress }),
    ...(network.gatewayPriority === 0 ? {} : { GwPriority: network.gatewayPriority }),
    ...(Object.keys(ipam).length === 0 ? {} : { IPAMConfig: ipam }),
  };
}

/** A CID file must not exist, or two containers would be mistaken for one. */
export async function checkCidFile(path: string): Promise<void> {
  if (path === '') return;
  try {
    await stat(path);
  } catch {
    return;
  }
  throw invalid(`container ID file found, make sure the other container isn't running or delete ${path}`);
}

/** The engine does not know who runs the client. */
function userNamespaceMode(mode: string): string {
  if (mode !== 'keep-id') return mode;
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  if (uid === 0)
    throw invalid('--userns=keep-id keeps the ids of who calls, and root is not kept', {
      hint: 'name whose: --userns=keep-id:uid=1000,gid=1000',
    });
  return `keep-id:uid=${uid},gid=${gid}`;
}
