import { expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDeviceRule } from './devices.ts';
import { mergeEnvironment, toExecProcess } from './process.ts';
import { checkResources } from './resources.ts';
import type { SpecInput } from './spec.ts';
import { toSpec } from './to-spec.ts';

const plain: SpecInput = {
  process: {
    args: ['sh', '-c', 'echo hi'],
    env: ['A=1', 'PATH=/bin'],
    cwd: '/',
    user: { uid: 0, gid: 0, additionalGids: [], home: '/root' },
    terminal: false,
  },
  rootfsPath: '/var/lib/silo/root',
  readonlyRootfs: false,
  hostname: '0123456789ab',
  mounts: [],
  namespaces: { pid: 'private', network: 'private', ipc: 'private', uts: 'private', cgroup: 'private' },
  shm: { sizeBytes: 67108864 },
  security: {
    privileged: false,
    capabilitiesAdd: [],
    capabilitiesDrop: [],
    noNewPrivileges: false,
    seccomp: 'unconfined',
  },
  resources: {},
  devices: [],
  deviceRules: [],
  sysctls: {},
  cgroupsPath: '/silo/0123',
  host: { architecture: 'amd64', kernelRelease: '6.1.0', cgroupVersion: 2, swapLimit: true },
};

const rich: SpecInput = {
  ...plain,
  process: {
    ...plain.process,
    user: { uid: 1000, gid: 100, additionalGids: [10, 20], home: '/home/a' },
    terminal: true,
    terminalSize: { columns: 80, rows: 24 },
    cwd: '/work',
  },
  readonlyRootfs: true,
  mounts: [
    { type: 'bind', source: '/srv/deep', destination: '/data/deep', readonly: true },
    { type: 'bind', source: '/srv', destination: '/data', readonly: false, propagation: 'rslave' },
    { type: 'tmpfs', destination: '/run', options: ['size=64m', 'exec'] },
    { type: 'bind', source: '/state/hosts', destination: '/etc/hosts', readonly: 'non-recursive' },
  ],
  namespaces: { ...plain.namespaces, network: { path: '/proc/7/ns/net' }, uts: 'host', pid: 'host' },
  security: {
    ...plain.security,
    capabilitiesAdd: ['net_admin'],
    capabilitiesDrop: ['CAP_MKNOD'],
    noNewPrivileges: true,
    maskedPaths: [],
  },
  resources: {
    memoryBytes: 64 << 20,
    nanoCpus: 1_500_000_000,
    cpuShares: 512,
    pidsLimit: 100,
    oomScoreAdj: 500,
    ulimits: [
      { name: 'nofile', soft: 1024, hard: 1_048_576 },
      { name: 'core', soft: -1, hard: -1 },
    ],
    blkioReadBps: [{ major: 8, minor: 0, rate: 1_048_576 }],
  },
  devices: [
    {
      hostPath: '/dev/fuse',
      containerPath: '/dev/fuse',
      type: 'c',
      major: 10,
      minor: 229,
      fileMode: 0o666,
      uid: 0,
      gid: 0,
      permissions: 'rwm',
    },
  ],
  deviceRules: [parseDeviceRule('c 42:* rmw')],
  sysctls: { 'net.core.somaxconn': '1024' },
  initPath: '/usr/bin/tini-static',
  host: { ...plain.host, maximumOpenFiles: 20_000 },
};

const privileged: SpecInput = {
  ...plain,
  security: { ...plain.security, privileged: true, seccomp: 'default' },
};

for (const [name, input] of Object.entries({ plain, rich, privileged }))
  test(`the spec of a ${name} container is the recorded one`, () => {
    const path = join(import.meta.dir, 'testdata', `${name}.json`);
    if (process.env['UPDATE_GOLDEN']) writeFileSync(path, `${JSON.stringify(toSpec(input), null, 2)}\n`);
    expect(toSpec(input)).toEqual(JSON.parse(readFileSync(path, 'utf8')));
  });

test('every spec mounts /dev, whatever the input', () => {
  for (const input of [plain, rich, privileged])
    expect(toSpec(input).mounts.some((mount) => mount.destination === '/dev')).toBe(true);
});

test('a mount of the user replaces the default of the same destination', () => {
  const spec = toSpec({
    ...plain,
    mounts: [{ type: 'tmpfs', destination: '/dev/shm', options: ['size=1m'] }],
  });
  const shm = spec.mounts.filter((mount) => mount.destination === '/dev/shm');
  expect(shm).toHaveLength(1);
  expect(shm[0]?.options).toContain('size=1m');
});

test('swap is twice the memory unless given, and left out where the host cannot limit it', () => {
  const memory = (resources: SpecInput['resources'], swapLimit = true) =>
    toSpec({ ...plain, resources, host: { ...plain.host, swapLimit } }).linux.resources?.memory;
  expect(memory({ memoryBytes: 100e6 })).toEqual({ limit: 100e6, swap: 200e6 });
  expect(memory({ memoryBytes: 100e6, memorySwapBytes: -1 })).toEqual({ limit: 100e6, swap: -1 });
  expect(memory({ memoryBytes: 100e6 }, false)).toEqual({ limit: 100e6 });
});

test('a user other than root starts without effective capabilities but keeps the bounding set', () => {
  const sets = toSpec(rich).process.capabilities;
  expect(sets?.effective).toEqual([]);
  expect(sets?.bounding).toContain('CAP_NET_ADMIN');
  expect(sets?.bounding).not.toContain('CAP_MKNOD');
});

test('annotations that steer the runtime are refused, others are kept', () => {
  expect(() => toSpec({ ...plain, annotations: { 'run.oci.seccomp.plugins': '/tmp/x.so' } })).toThrow(
    'run.oci.',
  );
  expect(toSpec({ ...plain, annotations: { a: 'b' } }).annotations).toEqual({ a: 'b' });
});

test('adding and dropping ALL follows Docker', () => {
  const bounding = (add: string[], drop: string[]) =>
    toSpec({ ...plain, security: { ...plain.security, capabilitiesAdd: add, capabilitiesDrop: drop } })
      .process.capabilities?.bounding;
  expect(bounding(['CHOWN'], ['ALL'])).toEqual(['CAP_CHOWN']);
  expect(bounding(['all'], ['SYS_ADMIN'])).not.toContain('CAP_SYS_ADMIN');
  expect(bounding(['all'], ['SYS_ADMIN'])).toContain('CAP_BPF');
  expect(() => bounding(['CAP_NOPE'], [])).toThrow('invalid capability: "CAP_NOPE"');
});

test('contradicting limits are refused in the words of Docker', () => {
  const refusal = (resources: SpecInput['resources']) => () => checkResources(resources);
  expect(refusal({ memoryBytes: 1024 })).toThrow('Minimum memory limit allowed is 6MB');
  expect(refusal({ memoryBytes: 64e6, memorySwapBytes: 32e6 })).toThrow('larger than memory limit');
  expect(refusal({ nanoCpus: 1e9, cpuQuotaUs: 5000 })).toThrow('Nano CPUs and CPU Quota');
  expect(refusal({ oomScoreAdj: 2000 })).toThrow('[-1000, 1000]');
  expect(refusal({ memoryBytes: 64e6, nanoCpus: 5e8, pidsLimit: -1 })).not.toThrow();
});

test('an unknown ulimit and a soft limit above the hard one are refused', () => {
  const withLimit = (name: string, soft: number, hard: number) => () =>
    toSpec({ ...plain, resources: { ulimits: [{ name, soft, hard }] } });
  expect(withLimit('nope', 1, 1)).toThrow('invalid ulimit type: nope');
  expect(withLimit('nofile', -1, 10)).toThrow('soft limit must be less');
});

test('an exec inherits the environment of the container, its own HOME, and TERM with a terminal', () => {
  const process = toExecProcess({
    process: {
      ...plain.process,
      env: ['B=2'],
      terminal: true,
      user: { uid: 5, gid: 5, additionalGids: [], home: '/five' },
    },
    security: plain.security,
    containerEnv: ['PATH=/bin', 'HOME=/root', 'A=1'],
    host: plain.host,
  });
  expect(process.env).toEqual(['TERM=xterm', 'PATH=/bin', 'A=1', 'B=2', 'HOME=/five']);
});

test('later variables replace earlier ones in place and a bare name removes', () => {
  expect(mergeEnvironment(['A=1', 'B=2', 'C=3'], ['B=9', 'C'])).toEqual(['A=1', 'B=9']);
});

test('a tmpfs is safe unless its user asks for the opposite', () => {
  const optionsOf = (...options: string[]): string[] | undefined =>
    toSpec({ ...plain, mounts: [{ type: 'tmpfs', destination: '/t', options }] }).mounts?.find(
      ({ destination }) => destination === '/t',
    )?.options;
  expect(optionsOf()).toEqual(['nosuid', 'nodev', 'noexec']);
  expect(optionsOf('size=5m', 'exec')).toEqual(['nosuid', 'nodev', 'size=5m', 'exec']);
  expect(optionsOf('suid', 'dev', 'nosuid')).toEqual(['noexec', 'dev', 'nosuid']);
});
