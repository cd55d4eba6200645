import { fail, type Item, note, pass, warn } from './verdict.ts';

/** What is looked at on the host and of the engine; gathered by `host-facts.ts`. */
export interface HostSubject {
  dataRootIsOwnDisk: boolean;
  /** Findings of `silo doctor` about the programs that run containers. */
  openHoles: string[];
  kernelRelease: string;
  sockets: { path: string; mode: number; group: string; members: string[] }[];
  tcp: { address: string; port: number; answersStrangers: boolean }[];
  insecureRegistries: string[];
  seccompProfile: string;
  /** Of containers that name none. */
  securityPreset: string;
  /** What a container without `--userns` gets. */
  userNamespaces: 'on' | 'off';
  appArmor: boolean;
  folders: { path: string; mode: number; owner: number }[];
  /** Keys and settings that exist. */
  files: { path: string; mode: number; owner: number; secret: boolean }[];
}

const item = (id: string, title: string, judge: Item<HostSubject>['judge']): Item<HostSubject> => ({
  id,
  title,
  judge,
});
const octal = (mode: number): string => `0${(mode & 0o777).toString(8)}`;

/** Sections 1 to 3 of the benchmark. */
export const hostItems: readonly Item<HostSubject>[] = [
  item('1.1.1', 'Disk of the data root', ({ dataRootIsOwnDisk }) =>
    dataRootIsOwnDisk
      ? pass('The data root is on a file system of its own.')
      : note(
          'Containers that fill the disk fill it for the whole machine.',
          'mount a file system at the data root',
        ),
  ),
  item('1.1.2', 'Users of the engine', ({ sockets }) => {
    const members = [...new Set(sockets.flatMap((socket) => socket.members))];
    return members.length === 0
      ? pass('Only root.')
      : note(
          `These users are root on this machine by the socket: ${members.join(', ')}.`,
          'gpasswd -d USER GROUP for those who need it no more',
        );
  }),
  item('1.2.2', 'Known holes of the runtimes', ({ openHoles }) =>
    openHoles.length === 0
      ? pass('None that the engine does not close.')
      : warn(openHoles.join(' '), 'silo doctor tells which package mends them'),
  ),
  item('2.1', 'User of the engine', () =>
    note(
      'It is: mounts, networks and control groups of the machine need it. Who may speak to it is what counts (3.16, 2.7).',
    ),
  ),
  item('2.5', 'Registries without TLS', ({ insecureRegistries }) => {
    const far = insecureRegistries.filter((name) => !/^(localhost|127\.|\[?::1)/.test(name));
    return far.length === 0
      ? pass('All but loopback.')
      : warn(
          `Without: ${far.join(', ')}.`,
          'give the registry a certificate and trust its CA: /etc/silo/certs.d',
        );
  }),
  item('2.7', 'The API on TCP', ({ tcp }) => {
    const open = tcp
      .filter(({ answersStrangers }) => answersStrangers)
      .map(({ address, port }) => `${address}:${port}`);
    if (open.length > 0)
      return fail(
        `Every program that reaches ${open.join(', ')} is root on this machine.`,
        'silo tls init; silo daemon --tlsverify',
      );
    return pass(tcp.length === 0 ? 'It listens on no TCP port.' : 'Strangers are refused.');
  }),
  item('2.9', 'User namespaces by default', ({ userNamespaces }) => {
    if (userNamespaces === 'on') return pass('Each its own, unless it asks for none.');
    return warn("Root in a container is the host's root.", 'silo daemon without --userns=host');
  }),
  item('2.14', 'No new privileges by default', ({ securityPreset }) =>
    securityPreset === 'default'
      ? note(
          'As with Docker set-user-id programs work unless the container is told otherwise.',
          'silo run --security hardened, or for all: silo daemon --security hardened',
        )
      : pass(`Containers start from the preset ${securityPreset}.`),
  ),
  item('2.15', 'Containers outlive the engine', () => pass('Always.')),
  item('2.16', 'Userland proxy', () => pass('The kernel does.')),
  item('2.17', 'Default seccomp profile', ({ seccompProfile }) =>
    seccompProfile === 'unconfined'
      ? fail(
          'Containers without a profile of their own may make every system call.',
          'silo daemon without --seccomp-profile unconfined',
        )
      : pass(`Profile ${seccompProfile}.`),
  ),
  item('3.5', 'Folders of the engine', ({ folders }) => {
    // 0711: the roots of containers, who are other users, go through and see nothing.
    const open = folders.filter(({ mode, owner }) => owner !== 0 || (mode & 0o006) !== 0);
    return open.length === 0
      ? pass(`${folders.map(({ path }) => path).join(' and ')}.`)
      : warn(
          `Other users may look into ${open.map(({ path, mode }) => `${path} (${octal(mode)})`).join(', ')}.`,
          ...open.map(({ path }) => `chown root ${path}; chmod o-rw ${path}`),
        );
  }),
  item('3.13', 'Keys and settings', ({ files }) => {
    const open = files.filter(
      ({ mode, owner, secret }) => owner !== 0 || (mode & (secret ? 0o077 : 0o022)) !== 0,
    );
    return open.length === 0
      ? pass('They are.')
      : warn(
          `Not so: ${open.map(({ path, mode }) => `${path} (${octal(mode)})`).join(', ')}.`,
          ...open.map(({ path, secret }) => `chown root ${path}; chmod ${secret ? '600' : '644'} ${path}`),
        );
  }),
  item('3.16', 'The socket', ({ sockets }) => {
    const open = sockets
      .filter(({ mode }) => (mode & 0o007) !== 0)
      .map(({ path, mode }) => `${path} (${octal(mode)})`);
    return open.length === 0
      ? pass(
          sockets.map(({ path, mode, group }) => `${path}: ${octal(mode)}, group ${group}.`).join(' ') ||
            'There is none.',
        )
      : fail(
          `Every user of this machine is root by ${open.join(', ')}.`,
          'chmod 660 on the socket; start the daemon with --group',
        );
  }),
  item('5.2', 'AppArmor of the host', ({ appArmor }) =>
    appArmor
      ? pass('Containers get the profile silo-default, hardened ones silo-hardened.')
      : note('It has none: capabilities, seccomp, namespaces and masked paths hold alone.'),
  ),
];
