import { expect, test } from 'bun:test';
import { defaultCapabilities } from '../../../resources/spec/capabilities.ts';
import { judgeContainers, judgeHost } from './audit.ts';
import type { ContainerFacts } from './container-facts.ts';
import type { HostSubject } from './host-items.ts';
import { reachOf } from './reach.ts';
import { isSensitive } from './sensitive.ts';

/** A container in which nothing is to be found. */
const sound: ContainerFacts = {
  name: 'sound',
  running: true,
  preset: 'restricted',
  privileged: false,
  user: '1000',
  readOnlyRoot: true,
  capabilities: [],
  noNewPrivileges: true,
  seccomp: true,
  hostNamespaces: [],
  joined: [],
  rootIsHostUser: 200_000,
  mounts: [],
  engineSockets: [],
  devices: [],
  deviceRules: [],
  namedDevices: [],
  systemPathsOpen: false,
  networks: ['web'],
  ports: [],
  limits: { memory: true, processes: true, processors: true },
  restart: { name: 'on-failure', maximumRetryCount: 5 },
  hasHealthCheck: true,
  programs: ['nginx'],
};

const judged = (change: Partial<ContainerFacts>, more: { appArmor?: boolean; seLinux?: boolean } = {}) =>
  judgeContainers([
    {
      facts: { ...sound, ...change },
      engineFolders: ['/srv/silo'],
      appArmor: more.appArmor ?? false,
      seLinux: more.seLinux ?? false,
    },
  ])
    .filter(({ status }) => status !== 'pass')
    .map(({ id, status }) => `${id} ${status}`);

const bind = (source: string, readOnly = false) => ({
  kind: 'bind',
  source,
  destination: '/x',
  readOnly,
  propagation: 'rprivate',
});
const port = { containerPort: 80, protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 8080 };

test('a sound container has nothing to be told', () => expect(judged({})).toEqual([]));

test.each([
  ['4.1 warn', { user: '', rootIsHostUser: 0 }],
  ['5.4 warn', { capabilities: ['CAP_CHOWN', 'CAP_SYS_ADMIN'] }],
  ['5.5 fail', { privileged: true }],
  ['5.6 fail', { mounts: [bind('/etc')] }],
  ['5.6 fail', { mounts: [bind('/srv/silo/volumes')] }],
  ['5.6 warn', { mounts: [bind('/etc/shadow', true)] }],
  ['5.7 warn', { programs: ['sshd', 'sh'] }],
  ['5.8 note', { ports: [{ ...port, hostPort: 443 }] }],
  ['5.10 warn', { hostNamespaces: ['net'] }],
  ['5.11 warn', { limits: { ...sound.limits, memory: false } }],
  ['5.12 note', { limits: { ...sound.limits, processors: false } }],
  ['5.13 warn', { readOnlyRoot: false }],
  ['5.14 note', { ports: [{ ...port, hostAddress: '0.0.0.0' }] }],
  ['5.15 note', { restart: { name: 'always', maximumRetryCount: 0 } }],
  ['5.16 fail', { hostNamespaces: ['pid'] }],
  ['5.17 warn', { hostNamespaces: ['ipc'] }],
  ['5.18 warn', { devices: [{ path: '/dev/sda', permissions: 'rwm' }] }],
  ['5.20 warn', { mounts: [{ ...bind('/data'), propagation: 'rshared' }] }],
  ['5.21 note', { hostNamespaces: ['uts'] }],
  ['5.22 fail', { seccomp: false }],
  ['5.26 warn', { noNewPrivileges: false, capabilities: [...defaultCapabilities] }],
  ['5.27 note', { hasHealthCheck: false }],
  ['5.29 warn', { limits: { ...sound.limits, processes: false } }],
  ['5.30 note', { networks: ['bridge'] }],
  ['5.31 warn', { hostNamespaces: ['user'] }],
  ['5.32 fail', { engineSockets: [{ socket: '/run/docker.sock', destination: '/run/docker.sock' }] }],
  ['silo-1 warn', { systemPathsOpen: true }],
] satisfies [string, Partial<ContainerFacts>][])(
  'item %s is told of what it is about, alone',
  (expected, change) => {
    expect(judged(change)).toEqual([expected]);
  },
);

test('items of security modules count where the kernel has them', () => {
  expect(judged({}, { appArmor: true })).toEqual(['5.2 warn']);
  expect(judged({}, { seLinux: true })).toEqual(['5.3 warn']);
  expect(judged({ label: 'silo-default' }, { appArmor: true })).toEqual([]);
});

test('one finding tells which of several containers it is about', () => {
  const subject = (facts: ContainerFacts) => ({ facts, engineFolders: [], appArmor: false, seLinux: false });
  const found = judgeContainers([subject(sound), subject({ ...sound, name: 'open', privileged: true })]).find(
    ({ id }) => id === '5.5',
  );
  expect(found).toMatchObject({
    status: 'fail',
    containers: ['open'],
    fix: [expect.stringContaining('--device')],
  });
  expect(judgeContainers([])).toEqual([]);
});

const host: HostSubject = {
  dataRootIsOwnDisk: true,
  openHoles: [],
  kernelRelease: '6.1.0',
  sockets: [{ path: '/run/silo/silo.sock', mode: 0o140660, group: 'silo', members: [] }],
  tcp: [],
  insecureRegistries: ['127.0.0.1:5000'],
  seccompProfile: 'builtin',
  securityPreset: 'default',
  userNamespaces: 'on',
  appArmor: true,
  folders: [{ path: '/var/lib/silo', mode: 0o40710, owner: 0 }],
  files: [{ path: '/etc/silo/tls/server-key.pem', mode: 0o100600, owner: 0, secret: true }],
};

test.each([
  [[], {}],
  [['1.1.1 note'], { dataRootIsOwnDisk: false }],
  [['1.1.2 note'], { sockets: [{ ...host.sockets[0], members: ['ann'] }] }],
  [['1.2.2 warn'], { openHoles: ['runc has one.'] }],
  [['2.5 warn'], { insecureRegistries: ['registry.test'] }],
  [['2.7 fail'], { tcp: [{ address: '0.0.0.0', port: 2375, answersStrangers: true }] }],
  [[], { tcp: [{ address: '0.0.0.0', port: 2376, answersStrangers: false }] }],
  [['2.9 warn'], { userNamespaces: 'off' }],
  [['2.17 fail'], { seccompProfile: 'unconfined' }],
  [['3.5 warn'], { folders: [{ path: '/d', mode: 0o40755, owner: 0 }] }],
  [[], { folders: [{ path: '/d', mode: 0o40711, owner: 0 }] }],
  [['3.13 warn'], { files: [{ ...host.files[0], mode: 0o100644 }] }],
  [['3.16 fail'], { sockets: [{ ...host.sockets[0], mode: 0o140666 }] }],
  [['5.2 note'], { appArmor: false }],
] as [string[], Partial<HostSubject>][])('of the host %p is told for %p', (expected, change) => {
  const always = ['2.1 note', '2.14 note'];
  const found = judgeHost({ ...host, ...change })
    .filter(({ status }) => status !== 'pass')
    .map(({ id, status }) => `${id} ${status}`);
  expect(found.filter((each) => !always.includes(each))).toEqual(expected);
});

test('folders that rule the host are known, and those that tell nothing are not', () => {
  for (const path of [
    '/',
    '/etc',
    '/etc/cron.d',
    '/root/.ssh',
    '/var',
    '/usr/lib/x',
    '/dev/disk',
    '/srv/silo/x',
  ])
    expect([path, isSensitive(path, ['/srv/silo'])]).toEqual([path, true]);
  for (const path of [
    '/home/ann/app',
    '/etc/localtime',
    '/usr/share/zoneinfo',
    '/srv/data',
    '/etcetera',
    '/var/www',
  ])
    expect([path, isSensitive(path, ['/srv/silo'])]).toEqual([path, false]);
});

test('an escape from a sound container needs a hole; from others the easiest ways are named', () => {
  const escape = (change: Partial<ContainerFacts>): string =>
    reachOf({ ...sound, ...change }, []).escape.join(' ');
  expect(escape({})).toContain('a user of the host who owns nothing');
  const root = { hostNamespaces: ['user'], rootIsHostUser: 0 } as Partial<ContainerFacts>;
  expect(escape(root)).toContain('root of the host');
  expect(escape({ engineSockets: [{ socket: '/s', destination: '/s' }] })).toContain(
    "mounted engine's socket",
  );
  expect(escape({ ...root, privileged: true })).toContain('disk of the host');
  expect(escape({ ...root, capabilities: ['CAP_SYS_MODULE'] })).toContain('loads code into the kernel');
  // In a user namespace too: binds show the owners that the host has.
  expect(escape({ mounts: [bind('/etc')] })).toContain('Writing below /etc');
  expect(escape({ capabilities: ['CAP_SYS_MODULE'] })).toContain('A hole of the kernel');
});

test('the reach has a level per area', () => {
  const levels = (change: Partial<ContainerFacts>): Record<string, string> =>
    Object.fromEntries(reachOf({ ...sound, ...change }, []).areas.map(({ area, level }) => [area, level]));
  expect(levels({})).toEqual({
    files: 'own',
    network: 'some',
    devices: 'own',
    engines: 'own',
    processes: 'own',
    capabilities: 'own',
    kernel: 'own',
    users: 'own',
    resources: 'own',
  });
  expect(levels({ mounts: [bind('/srv/data')] })['files']).toBe('some');
  expect(levels({ mounts: [bind('/etc')] })['files']).toBe('host');
  expect(levels({ hostNamespaces: ['net', 'pid', 'user'] })).toMatchObject({
    network: 'host',
    processes: 'host',
    users: 'host',
  });
});
