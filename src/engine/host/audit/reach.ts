import { defaultCapabilities } from '../../../resources/spec/capabilities.ts';
import type { ContainerFacts } from './container-facts.ts';
import { escaping, isSensitive, powerful } from './sensitive.ts';

/** `own`: nothing outside of the container. `some`: what its user chose. `host`: the machine, or what rules it. */
export type ReachLevel = 'own' | 'some' | 'host';

export interface ReachArea {
  area: string;
  level: ReachLevel;
  /** Sentences. */
  words: string[];
}

export interface Reach {
  container: string;
  preset: string;
  running: boolean;
  areas: ReachArea[];
  /** What somebody who controls the container would need to control the host; the first is the easiest. */
  escape: string[];
}

/** What a container can reach, in words. Pure. */
export function reachOf(facts: ContainerFacts, engineFolders: readonly string[]): Reach {
  return {
    container: facts.name,
    preset: facts.preset,
    running: facts.running,
    areas: [
      files(facts, engineFolders),
      network(facts),
      devices(facts),
      sockets(facts),
      processes(facts),
      capabilities(facts),
      kernel(facts),
      users(facts),
      resources(facts),
    ],
    escape: escapes(facts, engineFolders),
  };
}

function files({ mounts, readOnlyRoot }: ContainerFacts, engineFolders: readonly string[]): ReachArea {
  const words = mounts.map(({ kind, source, destination, readOnly }) => {
    const what = kind === 'bind' ? source : `${kind} ${source}`;
    return `${readOnly ? 'Reads' : 'Reads and writes'} ${what} (at ${destination}).`;
  });
  const binds = mounts.filter(({ kind }) => kind === 'bind');
  const rules = binds.some(({ source, readOnly }) => !readOnly && isSensitive(source, engineFolders));
  const root = readOnlyRoot
    ? 'Its own root file system is read-only.'
    : 'It may change its own root file system, which goes with it.';
  if (binds.length === 0) words.push('Nothing of the host is mounted.');
  return {
    area: 'files',
    level: rules ? 'host' : mounts.length > 0 ? 'some' : 'own',
    words: [...words, root],
  };
}

function network({ hostNamespaces, networks, ports, joined, capabilities }: ContainerFacts): ReachArea {
  const raw = capabilities.includes('CAP_NET_RAW')
    ? ['It may send raw packets (ping, and forged ones).']
    : [];
  if (hostNamespaces.includes('net'))
    return {
      area: 'network',
      level: 'host',
      words: [
        "It is on the host's network: all its addresses, services on loopback, abstract sockets.",
        ...raw,
      ],
    };
  const other = joined.find(({ kind }) => kind === 'net');
  if (other)
    return {
      area: 'network',
      level: 'some',
      words: [`It shares the network of container ${other.container.slice(0, 12)}.`, ...raw],
    };
  const reached = networks.filter((name) => name !== 'none');
  if (reached.length === 0)
    return { area: 'network', level: 'own', words: ['It has no network but its own loopback.'] };
  const published = ports
    .filter(({ hostPort }) => hostPort > 0)
    .map(
      ({ hostAddress, hostPort, containerPort, protocol }) =>
        `${hostAddress || '*'}:${hostPort} leads to its ${containerPort}/${protocol}.`,
    );
  return {
    area: 'network',
    level: 'some',
    words: [
      `It is on ${reached.join(', ')}: other containers there, and what the host's routes and firewall let out.`,
      ...new Set(published),
      ...raw,
    ],
  };
}

function devices({ privileged, devices: given, deviceRules, namedDevices }: ContainerFacts): ReachArea {
  if (privileged)
    return { area: 'devices', level: 'host', words: ['All devices of the host: disks, memory, consoles.'] };
  const words = [
    ...given.map(({ path, permissions }) => `${path} (${permissions}).`),
    ...deviceRules.map((rule) => `Devices by the rule ${rule}.`),
    ...namedDevices.map((name) => `${name}, as its CDI file says.`),
  ];
  if (words.length === 0)
    return {
      area: 'devices',
      level: 'own',
      words: ['Only null, zero, full, random, urandom, tty and terminals of its own.'],
    };
  return { area: 'devices', level: 'some', words };
}

function sockets({ engineSockets }: ContainerFacts): ReachArea {
  if (engineSockets.length === 0)
    return { area: 'engines', level: 'own', words: ["No engine's socket is mounted."] };
  return {
    area: 'engines',
    level: 'host',
    words: engineSockets.map(
      ({ socket, destination }) =>
        `${socket} (by the mount at ${destination}): it may start any container on this host.`,
    ),
  };
}

function processes({ hostNamespaces, joined, capabilities }: ContainerFacts): ReachArea {
  const traces = capabilities.includes('CAP_SYS_PTRACE') ? [' It may read and change them.'] : [''];
  if (hostNamespaces.includes('pid'))
    return {
      area: 'processes',
      level: 'host',
      words: [`It sees all processes of the host.${traces[0] ?? ''}`],
    };
  const words = joined
    .filter(({ kind }) => kind !== 'net')
    .map(({ kind, container }) => `It shares the ${kind} namespace of container ${container.slice(0, 12)}.`);
  if (hostNamespaces.includes('ipc'))
    return {
      area: 'processes',
      level: 'host',
      words: [...words, "It shares the host's shared memory and semaphores."],
    };
  return {
    area: 'processes',
    level: words.length > 0 ? 'some' : 'own',
    words: words.length > 0 ? words : ['It sees only its own.'],
  };
}

function capabilities({ capabilities: held, rootIsHostUser, hostNamespaces }: ContainerFacts): ReachArea {
  if (held.length === 0) return { area: 'capabilities', level: 'own', words: ['None, and none to be had.'] };
  const inOwn = !hostNamespaces.includes('user') && rootIsHostUser !== 0;
  const scope = inOwn ? ' They count in its user namespace only.' : '';
  const more = held.filter((name) => !defaultCapabilities.includes(name));
  const strong = held.flatMap((name) =>
    powerful[name] === undefined ? [] : [`${name}: ${powerful[name]}.`],
  );
  const first =
    more.length === 0
      ? `${held.length === defaultCapabilities.length ? 'The' : `${held.length} of the`} default ${defaultCapabilities.length}: ${short(held)}.${scope}`
      : `${held.length}, of which ${more.length} above the default.${scope}`;
  const leaves = !inOwn && held.some((name) => escaping.includes(name));
  return {
    area: 'capabilities',
    level: leaves ? 'host' : more.length > 0 ? 'some' : 'own',
    words: [first, ...strong],
  };
}

const short = (names: readonly string[]): string =>
  names.map((name) => name.replace(/^CAP_/, '').toLowerCase()).join(', ');

function kernel({ seccomp, systemPathsOpen, noNewPrivileges, label, privileged }: ContainerFacts): ReachArea {
  const words = [
    seccomp ? 'System calls are filtered.' : 'Every system call may be made.',
    systemPathsOpen
      ? "Nothing of /proc and /sys is masked: settings of the machine can be read, and written with root's rights."
      : '/proc and /sys are masked and read-only where they concern the machine.',
    noNewPrivileges ? 'Programs gain no privileges (no-new-privileges).' : 'Set-user-id programs work.',
    label === undefined
      ? 'No security module confines it (AppArmor, SELinux).'
      : `It is confined as ${label}.`,
  ];
  return { area: 'kernel', level: privileged ? 'host' : seccomp && !systemPathsOpen ? 'own' : 'some', words };
}

function users({ hostNamespaces, rootIsHostUser, running }: ContainerFacts): ReachArea {
  if (hostNamespaces.includes('user'))
    return {
      area: 'users',
      level: 'host',
      words: ['Its root is the root of the host: there is no user namespace.'],
    };
  const who = running ? ` Its root is user ${rootIsHostUser} of the host.` : '';
  return { area: 'users', level: 'own', words: [`It has a user namespace of its own.${who}`] };
}

function resources({ limits }: ContainerFacts): ReachArea {
  const open = Object.entries({
    memory: limits.memory,
    'number of processes': limits.processes,
    processors: limits.processors,
  })
    .filter(([, isLimited]) => !isLimited)
    .map(([name]) => name);
  return {
    area: 'resources',
    level: open.length > 0 ? 'some' : 'own',
    words: [
      open.length === 0
        ? 'Memory, processes and processors are limited.'
        : `Not limited: ${open.join(', ')}.`,
    ],
  };
}

function escapes(facts: ContainerFacts, engineFolders: readonly string[]): string[] {
  const isHostRoot = facts.hostNamespaces.includes('user') || (facts.running && facts.rootIsHostUser === 0);
  const found: string[] = [];
  if (facts.engineSockets.length > 0) found.push("A request to the mounted engine's socket.");
  if (facts.privileged) found.push('Mounting a disk of the host.');
  const open = facts.mounts.filter(
    ({ kind, source, readOnly }) => kind === 'bind' && !readOnly && isSensitive(source, engineFolders),
  );
  // In a user namespace too: binds show the owners that the host has.
  for (const { source } of open) found.push(`Writing below ${source}.`);
  if (isHostRoot && !facts.privileged)
    for (const name of facts.capabilities.filter((each) => escaping.includes(each)))
      found.push(`${name}: it ${powerful[name] ?? ''}.`);
  if (isHostRoot && facts.hostNamespaces.includes('pid') && facts.capabilities.includes('CAP_SYS_PTRACE'))
    found.push('Changing a process of the host (CAP_SYS_PTRACE with its pid namespace).');
  if (found.length > 0) return found;
  const filter = facts.seccomp ? 'a system call that the filter lets through' : 'any system call';
  return [
    `A hole of the kernel that ${filter} reaches, or one of the runtime; ${
      isHostRoot
        ? 'it would then be root of the host.'
        : 'it would then be a user of the host who owns nothing.'
    }`,
  ];
}
