import { defaultCapabilities } from '../../../resources/spec/capabilities.ts';
import type { ContainerFacts } from './container-facts.ts';
import { isSensitive } from './sensitive.ts';
import { fail, type Item, note, pass, type Verdict, warn } from './verdict.ts';

export interface ContainerSubject {
  facts: ContainerFacts;
  engineFolders: readonly string[];
  appArmor: boolean;
  seLinux: boolean;
}

type ContainerItem = Item<ContainerSubject>;

const item = (
  id: string,
  title: string,
  judge: (facts: ContainerFacts, subject: ContainerSubject) => Verdict | undefined,
): ContainerItem => ({
  id,
  title,
  judge: (subject) => judge(subject.facts, subject),
});

/** A namespace that is shared with the host. */
const shared = (
  id: string,
  title: string,
  kind: ContainerFacts['hostNamespaces'][number],
  verdict: Verdict,
): ContainerItem =>
  item(id, title, ({ hostNamespaces }) =>
    hostNamespaces.includes(kind) ? verdict : pass('It has one of its own.'),
  );

/** Section 5 of the benchmark, and what of section 4 is seen in a container. In the order of their numbers. */
export const containerItems: readonly ContainerItem[] = [
  item('4.1', 'User of the program', ({ user, rootIsHostUser }) => {
    if (user !== '' && !/^(0|root)(:|$)/.test(user)) return pass('The program does not run as root.');
    return rootIsHostUser === 0
      ? warn(
          'The program runs as root, who is also the root of the host.',
          'name a USER in the image, or --user 1000',
        )
      : pass(`Its root is user ${rootIsHostUser} of the host, who owns nothing there.`);
  }),
  item('5.2', 'AppArmor', ({ label, privileged }, { appArmor }) => {
    if (!appArmor) return undefined;
    if (label !== undefined) return pass(`Profile ${label}.`);
    return warn(
      privileged ? 'A privileged container has no profile.' : 'Its profile was switched off.',
      'leave out --security-opt apparmor=unconfined',
    );
  }),
  item('5.3', 'SELinux', ({ label }, { seLinux }) => {
    if (!seLinux) return undefined;
    return label === undefined
      ? warn('SELinux is on and the container has no label.', '--security-opt label=type:container_t')
      : pass(`Label ${label}.`);
  }),
  item('5.4', 'Capabilities', ({ capabilities, privileged }) => {
    if (privileged) return undefined;
    const more = capabilities.filter((name) => !defaultCapabilities.includes(name));
    return more.length === 0
      ? pass(`${capabilities.length} capabilities.`)
      : warn(
          `More than the default: ${more.join(', ')}.`,
          'leave out --cap-add, or start from --security hardened',
        );
  }),
  item('5.5', 'Privileged containers', ({ privileged }) =>
    privileged
      ? fail(
          'All devices, all capabilities, no filter: whoever controls it controls the host.',
          'name what it needs: --device, --cap-add',
        )
      : pass('None.'),
  ),
  item('5.6', 'Folders of the host', ({ mounts }, { engineFolders }) => {
    const found = mounts.filter(({ kind, source }) => kind === 'bind' && isSensitive(source, engineFolders));
    const open = found.filter(({ readOnly }) => !readOnly);
    if (open.length > 0)
      return fail(
        `It may write to ${list(open.map(({ source }) => source))}.`,
        'mount less, or read-only: -v SOURCE:DESTINATION:ro',
      );
    return found.length > 0
      ? warn(`It reads ${list(found.map(({ source }) => source))}.`, 'mount only the files that it needs')
      : pass('None of its mounts is one.');
  }),
  item('5.7', 'SSH servers in containers', ({ programs }) =>
    programs.includes('sshd')
      ? warn('It runs sshd: one more door with keys of its own.', 'silo exec gives a shell')
      : pass('None runs.'),
  ),
  item('5.8', 'Published ports below 1024', ({ ports }) => {
    const low = ports
      .filter(({ hostPort }) => hostPort > 0 && hostPort < 1024)
      .map(({ hostPort }) => String(hostPort));
    return low.length > 0
      ? note(`Published: ${list(low)}. Make sure that it is meant.`)
      : pass('None below 1024.');
  }),
  shared(
    '5.10',
    'Network namespace',
    'net',
    warn(
      'It sees and opens every port of the host, abstract sockets included.',
      'publish ports instead of --network host',
    ),
  ),
  item('5.11', 'Limit of memory', ({ limits }) =>
    limits.memory
      ? pass('As it should be.')
      : warn('It can use all of the memory of the machine.', '--memory 512m'),
  ),
  item('5.12', 'Share of the processors', ({ limits }) =>
    limits.processors
      ? pass('As it should be.')
      : note('It competes with all others as an equal.', '--cpus 1, or --cpu-shares 512'),
  ),
  item('5.13', 'Read-only root file system', ({ readOnlyRoot }) =>
    readOnlyRoot
      ? pass('As it should be.')
      : warn('An attacker can change its programs.', '--read-only, or --security restricted'),
  ),
  item('5.14', 'Addresses of published ports', ({ ports }) => {
    const open = ports.filter(
      ({ hostAddress, hostPort }) => hostPort > 0 && ['', '0.0.0.0', '::'].includes(hostAddress),
    );
    return open.length > 0
      ? note(
          `On all addresses: ${list(open.map(({ hostPort }) => String(hostPort)))}.`,
          '-p ADDRESS:PORT:PORT',
        )
      : pass('All are bound to one.');
  }),
  item('5.15', 'Restart policy', ({ restart }) =>
    restart.name === 'always' ||
    restart.name === 'unless-stopped' ||
    (restart.name === 'on-failure' && (restart.maximumRetryCount === 0 || restart.maximumRetryCount > 5))
      ? note(
          `The policy ${restart.name} restarts it for ever, which hides a crash loop.`,
          '--restart on-failure:5',
        )
      : pass('As it should be.'),
  ),
  shared(
    '5.16',
    'Pid namespace',
    'pid',
    fail('It sees all processes of the host and may signal those of its users.', 'leave out --pid host'),
  ),
  shared(
    '5.17',
    'IPC namespace',
    'ipc',
    warn("It reads and writes the host's shared memory.", 'leave out --ipc host'),
  ),
  item('5.18', 'Devices of the host', ({ devices, deviceRules, namedDevices, privileged }) => {
    const all = [...devices.map(({ path }) => path), ...deviceRules, ...namedDevices];
    if (privileged || all.length === 0)
      return privileged ? undefined : pass('Only null, zero, full, random, urandom and tty.');
    return warn(
      `It may use ${list(all)}.`,
      'make sure that it needs them; --device PATH:PATH:r lets it only read',
    );
  }),
  item('5.20', 'Propagation of mounts', ({ mounts }) => {
    const found = mounts.filter(({ propagation }) => propagation.endsWith('shared'));
    return found.length > 0
      ? warn(
          `What it mounts below ${list(found.map(({ destination }) => destination))} appears on the host.`,
          'leave out the propagation, or use rslave',
        )
      : pass('None does.');
  }),
  shared('5.21', 'UTS namespace', 'uts', note('It shares the host name.', 'leave out --uts host')),
  item('5.22', 'Filter of system calls', ({ seccomp, privileged }) =>
    seccomp
      ? pass('As it should be.')
      : privileged
        ? undefined
        : fail(
            'It may make every system call: each hole of the kernel is within its reach.',
            'leave out --security-opt seccomp=unconfined',
          ),
  ),
  item('5.26', 'No new privileges', ({ noNewPrivileges, capabilities }) =>
    noNewPrivileges
      ? pass('no-new-privileges is set.')
      : capabilities.length === 0
        ? pass('There is no capability to gain.')
        : warn(
            'A set-user-id program can make a user root again.',
            '--security-opt no-new-privileges, or --security hardened',
          ),
  ),
  item('5.27', 'Health check', ({ hasHealthCheck }) =>
    hasHealthCheck
      ? pass('As it should be.')
      : note('Nobody notices when it only hangs.', '--health-cmd, or HEALTHCHECK in the image'),
  ),
  item('5.29', 'Limit of processes', ({ limits }) =>
    limits.processes
      ? pass('As it should be.')
      : warn('A fork bomb in it stops the machine.', '--pids-limit 512'),
  ),
  item('5.30', 'Default bridge', ({ networks }) =>
    networks.includes('bridge')
      ? note('On the default bridge it reaches all others there.', 'silo network create NAME; --network NAME')
      : pass('It is not on the default bridge.'),
  ),
  item('5.31', 'User namespace', ({ hostNamespaces, rootIsHostUser }) =>
    hostNamespaces.includes('user')
      ? warn(
          'Its root is the root of the host: who leaves the container has the machine.',
          'leave out --userns host and --privileged',
        )
      : pass(rootIsHostUser === 0 ? 'It has.' : `Its root is user ${rootIsHostUser} of the host.`),
  ),
  item('5.32', 'Sockets of engines', ({ engineSockets }) =>
    engineSockets.length > 0
      ? fail(
          `It may start containers with the host's root through ${list(engineSockets.map(({ socket }) => socket))}.`,
          'mount no socket; builds and CI can run in a container of their own engine',
        )
      : pass('None is mounted.'),
  ),
  item('silo-1', 'Masked kernel interfaces', ({ systemPathsOpen, privileged }) =>
    systemPathsOpen && !privileged
      ? warn(
          '/proc and /sys show and take what concerns the whole machine.',
          'leave out --security-opt systempaths=unconfined',
        )
      : privileged
        ? undefined
        : pass('As it should be.'),
  ),
];

function list(words: readonly string[]): string {
  const unique = [...new Set(words)];
  return unique.length > 6
    ? `${unique.slice(0, 6).join(', ')} and ${unique.length - 6} more`
    : unique.join(', ');
}
