import { readFileSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import type { SecurityDefaults } from '../../container/spec/security.ts';
import type { ContainerNetwork, ContainerQueries, ContainerRecord } from '../../container/container.ts';
import { engineSocketsIn, type MountedSocket } from '../../container/mounts/engine-sockets.ts';
import { resolveSecurity } from '../../container/spec/security.ts';
import { presetOf, type SecurityPreset } from '../../container/spec/security-preset.ts';
import { hasTest } from '../../container/health/health-check.ts';
import { isRunning } from '../../container/state.ts';
import { knownCapabilities, resolveCapabilities } from '../../../resources/spec/capabilities.ts';

const namespaceKinds = ['user', 'pid', 'net', 'ipc', 'uts', 'cgroup'] as const;
export type NamespaceKind = (typeof namespaceKinds)[number];

/** What decides how far a container reaches: of a running one as the kernel tells it, of others as it was asked for. */
export interface ContainerFacts {
  name: string;
  running: boolean;
  preset: SecurityPreset;
  privileged: boolean;
  /** `USER`, empty for root. */
  user: string;
  readOnlyRoot: boolean;
  /** Of the bounding set: nothing in the container can get others. */
  capabilities: string[];
  noNewPrivileges: boolean;
  seccomp: boolean;
  /** AppArmor's or SELinux's word for its processes. */
  label?: string;
  /** Those that it shares with the host. */
  hostNamespaces: NamespaceKind[];
  /** Those of another container. */
  joined: { kind: string; container: string }[];
  /** The user of the host that root is; 0 without a user namespace. */
  rootIsHostUser: number;
  mounts: { kind: string; source: string; destination: string; readOnly: boolean; propagation: string }[];
  engineSockets: MountedSocket[];
  devices: { path: string; permissions: string }[];
  deviceRules: string[];
  /** Devices of CDI, by name. */
  namedDevices: string[];
  systemPathsOpen: boolean;
  networks: string[];
  ports: ContainerNetwork['ports'];
  limits: { memory: boolean; processes: boolean; processors: boolean };
  restart: ContainerRecord['config']['restart'];
  hasHealthCheck: boolean;
  /** Names of its programs. */
  programs: string[];
}

export interface FactsDeps {
  containers: Pick<ContainerQueries, 'networkOf' | 'top'>;
  security: SecurityDefaults;
  engineFolders: readonly string[];
}

export async function gatherContainerFacts(
  record: ContainerRecord,
  deps: FactsDeps,
): Promise<ContainerFacts> {
  const { config, state, mounts, id, name } = record;
  const { security, resources } = config;
  const pid = isRunning(state) ? state.pid : undefined;
  const asked = resolveSecurity(security, deps.security);
  const kernel = pid === undefined ? undefined : readKernelFacts(pid);
  const network = deps.containers.networkOf(id);
  const label = kernel?.label ?? asked.apparmorProfile ?? asked.selinuxLabel;
  return {
    name,
    running: kernel !== undefined,
    preset: presetOf(security),
    privileged: security.privileged,
    user: config.user,
    readOnlyRoot: security.readOnlyRootfs,
    capabilities:
      kernel?.capabilities ??
      resolveCapabilities({ add: security.capAdd, drop: security.capDrop, privileged: security.privileged }),
    noNewPrivileges: kernel?.noNewPrivileges ?? asked.noNewPrivileges,
    seccomp: kernel?.seccomp ?? (asked.seccomp !== 'unconfined' && !security.privileged),
    ...(label === undefined ? {} : { label }),
    hostNamespaces: kernel?.hostNamespaces ?? askedHostNamespaces(record),
    joined: joinedNamespaces(record),
    rootIsHostUser: kernel?.rootIsHostUser ?? 0,
    mounts: mounts.map(({ kind, source, destination, readOnly, propagation }) => ({
      kind,
      source: kind === 'bind' ? posix.normalize(source) : source,
      destination,
      readOnly,
      propagation,
    })),
    engineSockets: await engineSocketsIn(mounts, deps.engineFolders),
    devices: config.devices.map(({ hostPath, permissions }) => ({ path: hostPath, permissions })),
    deviceRules: config.deviceCgroupRules,
    namedDevices: (config.deviceRequests ?? []).flatMap(({ ids, driver }) =>
      ids.length > 0 ? ids : [driver],
    ),
    systemPathsOpen:
      security.privileged || asked.maskedPaths?.length === 0 || asked.readonlyPaths?.length === 0,
    networks: network.networks.map((place) => place.name),
    ports: network.ports,
    limits: {
      memory: (resources.memoryBytes ?? 0) > 0,
      processes: (resources.pidsLimit ?? 0) > 0,
      processors: [resources.cpuShares, resources.nanoCpus, resources.cpuQuotaUs].some(
        (value) => (value ?? 0) > 0,
      ),
    },
    restart: config.restart,
    hasHealthCheck: hasTest(config.health),
    programs: kernel === undefined ? [] : await programsOf(id, deps),
  };
}

interface KernelFacts extends Pick<
  ContainerFacts,
  'capabilities' | 'noNewPrivileges' | 'seccomp' | 'hostNamespaces' | 'rootIsHostUser'
> {
  label?: string;
}

/** proc_pid_status(5), namespaces(7); undefined when the process has just ended. */
function readKernelFacts(pid: number): KernelFacts | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '0';
    const bounding = BigInt(`0x${field('CapBnd')}`);
    const label = readLabel(pid);
    return {
      capabilities: knownCapabilities.filter((_, bit) => (bounding >> BigInt(bit)) & 1n),
      noNewPrivileges: field('NoNewPrivs') === '1',
      seccomp: field('Seccomp') === '2',
      hostNamespaces: namespaceKinds.filter((kind) => namespaceOf(pid, kind) === namespaceOf('self', kind)),
      rootIsHostUser: Number(/^\s*0\s+(\d+)/.exec(readFileSync(`/proc/${pid}/uid_map`, 'utf8'))?.[1] ?? 0),
      ...(label === undefined ? {} : { label }),
    };
  } catch {
    return undefined;
  }
}

const namespaceOf = (pid: number | 'self', kind: string): string => readlinkSync(`/proc/${pid}/ns/${kind}`);

/** EINVAL without a security module that labels processes. */
function readLabel(pid: number): string | undefined {
  try {
    const label = readFileSync(`/proc/${pid}/attr/current`, 'utf8').replace(/\0|\s+$/g, '');
    return label === '' || label.startsWith('unconfined') ? undefined : label;
  } catch {
    return undefined;
  }
}

function askedHostNamespaces({ config: { namespaces, network } }: ContainerRecord): NamespaceKind[] {
  const asked: Record<NamespaceKind, string> = {
    user: namespaces.user === '' ? 'private' : namespaces.user,
    pid: namespaces.pid,
    net: network.mode,
    ipc: namespaces.ipc,
    uts: namespaces.uts,
    cgroup: namespaces.cgroup,
  };
  return namespaceKinds.filter((kind) => asked[kind] === 'host');
}

function joinedNamespaces({ config: { namespaces, network } }: ContainerRecord): ContainerFacts['joined'] {
  const asked = { net: network.mode, pid: namespaces.pid, ipc: namespaces.ipc };
  return Object.entries(asked).flatMap(([kind, mode]) => {
    const container = /^container:(.*)$/.exec(mode)?.[1];
    return container === undefined ? [] : [{ kind, container }];
  });
}

async function programsOf(id: string, { containers }: FactsDeps): Promise<string[]> {
  const listed = await containers.top(id, '-eo comm').catch(() => ({ processes: [] as string[][] }));
  return listed.processes.flatMap(([name]) => name ?? []);
}
