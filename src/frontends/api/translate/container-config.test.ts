import { expect, test } from 'bun:test';
import type {
  ContainerCreateBody,
  HostConfigJson,
} from '../../../foundation/wire/docker/container-config.ts';
import { toSiloError } from '../../../foundation/base/errors.ts';
import { containerCreateBody } from '../input/container-bodies.ts';
import { toContainerConfig } from './container-config.ts';
import { toConfigJson, toHostConfigJson } from './host-config.ts';

const host = { cpus: 2 };
const facts = { cgroupVersion: '2', defaultRuntime: 'crun' } as const;

/** Through the decoder, as a request comes. */
function translate(body: object): ReturnType<typeof toContainerConfig> {
  return toContainerConfig(containerCreateBody(body, ''), host);
}

function failure(body: object): { kind: string; message: string } {
  try {
    translate(body);
  } catch (error) {
    const { kind, message } = toSiloError(error);
    return { kind, message };
  }
  return { kind: 'none', message: 'it was accepted' };
}

const withHost = (HostConfig: HostConfigJson): ContainerCreateBody => ({ Image: 'x', HostConfig });

test('what the Docker CLI sends for a plain run asks for nothing special', () => {
  const config = translate({
    Image: 'busybox',
    Cmd: null,
    Env: null,
    Volumes: {},
    Entrypoint: null,
    OnBuild: null,
    Labels: {},
    HostConfig: {
      Binds: null,
      LogConfig: { Type: '', Config: {} },
      NetworkMode: 'default',
      PortBindings: {},
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      ConsoleSize: [24, 80],
      Dns: [],
      MaskedPaths: null,
      MemorySwappiness: -1,
      OomKillDisable: false,
      PidsLimit: 0,
      BlkioDeviceReadBps: [],
    },
    NetworkingConfig: {
      EndpointsConfig: {
        default: {
          IPAMConfig: null,
          Links: null,
          Aliases: null,
          MacAddress: '',
          DriverOpts: null,
          GwPriority: 0,
        },
      },
    },
  });
  expect(config.network.mode).toBe('default');
  expect(config.consoleSize).toEqual({ rows: 24, columns: 80 });
  expect(config.resources).toEqual({ oomKillDisable: false });
  expect(config).not.toContainAnyKeys(['entrypoint', 'command', 'stopSignal']);
});

test('everything that was asked for comes back from inspect', () => {
  const asked: HostConfigJson = {
    Binds: ['/a:/b:ro'],
    ContainerIDFile: '/tmp/cid',
    LogConfig: { Type: 'local', Config: { 'max-size': '1m' } },
    NetworkMode: 'bridge',
    PortBindings: {
      '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }],
      '53/udp': [{ HostIp: '', HostPort: '' }],
    },
    RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
    VolumesFrom: ['other:ro'],
    Annotations: { a: 'b' },
    CapAdd: ['NET_ADMIN'],
    CapDrop: ['ALL'],
    CgroupnsMode: 'host',
    Dns: ['1.1.1.1'],
    DnsOptions: ['ndots:1'],
    DnsSearch: ['example.com'],
    ExtraHosts: ['db:10.0.0.1'],
    GroupAdd: ['9'],
    IpcMode: 'host',
    OomScoreAdj: -5,
    PidMode: 'host',
    PublishAllPorts: true,
    ReadonlyRootfs: true,
    SecurityOpt: ['no-new-privileges'],
    Tmpfs: { '/run': 'size=1m' },
    UTSMode: 'host',
    ShmSize: 1 << 20,
    Sysctls: { 'net.core.somaxconn': '99' },
    Runtime: 'runc',
    MaskedPaths: [],
    ReadonlyPaths: ['/proc/bus'],
    Init: true,
    ConsoleSize: [24, 80],
    CpuShares: 512,
    Memory: 1 << 26,
    MemoryReservation: 1 << 25,
    MemorySwap: -1,
    MemorySwappiness: 10,
    OomKillDisable: true,
    NanoCpus: 1_500_000_000,
    CpusetCpus: '0-1',
    CpusetMems: '0',
    PidsLimit: 100,
    BlkioWeight: 300,
    BlkioWeightDevice: [{ Path: '/dev/sda', Weight: 200 }],
    BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: 1000 }],
    BlkioDeviceWriteIOps: [{ Path: '/dev/sda', Rate: 10 }],
    Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
    Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/n', CgroupPermissions: 'r' }],
    DeviceCgroupRules: ['c 1:3 r'],
    CgroupParent: '/parent',
    Mounts: [
      { Type: 'bind', Source: '/s', Target: '/t', ReadOnly: true, BindOptions: { Propagation: 'rslave' } },
      { Type: 'volume', Source: 'v', Target: '/v', VolumeOptions: { NoCopy: true, Labels: { a: 'b' } } },
      { Type: 'tmpfs', Target: '/tmp', TmpfsOptions: { SizeBytes: 100, Mode: 0o700 } },
    ],
  };
  expect(toHostConfigJson(translate(withHost(asked)), facts)).toMatchObject(asked);
  const words = {
    Hostname: 'h',
    Domainname: 'd',
    User: 'u',
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    ExposedPorts: { '80/tcp': {} },
    Tty: true,
    OpenStdin: true,
    StdinOnce: true,
    Env: ['A=b'],
    Cmd: ['c'],
    Image: 'i',
    Volumes: { '/v': {} },
    WorkingDir: '/w',
    Entrypoint: ['e'],
    OnBuild: ['RUN x'],
    Labels: { __proto__x: 'y' },
    StopSignal: 'SIGINT',
    StopTimeout: 3,
    Shell: ['/bin/bash', '-c'],
  };
  expect(toConfigJson(translate(words))).toEqual(words);
});

test('an entry point of one empty word is kept: it resets the image', () => {
  expect(translate({ Image: 'x', Entrypoint: [''] }).entrypoint).toEqual(['']);
  expect(translate({ Image: 'x', Entrypoint: [] })).not.toHaveProperty('entrypoint');
  expect(translate({ Image: 'x', Cmd: 'one word' }).command).toEqual(['one word']);
});

test('a network that is only named among the endpoints is the network', () => {
  const body = {
    Image: 'x',
    NetworkingConfig: { EndpointsConfig: { net1: { IPAMConfig: { IPv4Address: '10.1.0.9' } } } },
  };
  expect(translate(body).network).toMatchObject({
    mode: 'net1',
    endpoints: { net1: { ipv4Address: '10.1.0.9' } },
  });
  expect(translate({ ...body, HostConfig: { NetworkMode: 'net1' } }).network.mode).toBe('net1');
});

// Recorded from Docker 26.1.5; where it answers 500 for a client's mistake, 400 stands here.
const refusals: [HostConfigJson, string][] = [
  [{ Memory: 100 }, 'Minimum memory limit allowed is 6MB'],
  [
    { Memory: 6291456, MemorySwap: 1 },
    'Minimum memoryswap limit should be larger than memory limit, see usage',
  ],
  [{ MemorySwap: 100 }, 'You should always set the Memory limit when using Memoryswap limit, see usage'],
  [{ MemoryReservation: 100 }, 'Minimum memory reservation allowed is 6MB'],
  [
    { Memory: 16291456, MemoryReservation: 26291456 },
    'Minimum memory limit can not be less than memory reservation limit, see usage',
  ],
  [{ MemorySwappiness: 101 }, 'Invalid value: 101, valid memory swappiness range is 0-100'],
  [{ NanoCpus: 900e9 }, 'Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [{ NanoCpus: 1, CpuQuota: 1000 }, 'Conflicting options: Nano CPUs and CPU Quota cannot both be set'],
  [{ CpuPeriod: 10 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
  [{ CpuQuota: 10 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
  [{ CpusetCpus: 'x' }, 'Invalid value x for cpuset cpus: invalid format: x'],
  [{ ShmSize: -1 }, 'SHM size can not be less than 0'],
  [{ OomScoreAdj: 2000 }, 'Invalid value 2000, range for oom score adj is [-1000, 1000]'],
  [
    { AutoRemove: true, RestartPolicy: { Name: 'always' } },
    `can't create 'AutoRemove' container with restart policy`,
  ],
  [
    { RestartPolicy: { Name: 'foo' } },
    `invalid restart policy: unknown policy 'foo'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
  ],
  [
    { RestartPolicy: { Name: 'always', MaximumRetryCount: 3 } },
    `invalid restart policy: maximum retry count can only be used with 'on-failure'`,
  ],
  [{ PortBindings: { 'x/tcp': [{}] } }, 'invalid port specification: "x"'],
  [{ PortBindings: { '80': [{ HostPort: 'a' }] } }, 'invalid port specification: "a"'],
  [{ PortBindings: { '80/tcp': [{ HostPort: '70000' }] } }, 'invalid port specification: "70000"'],
  [{ NetworkMode: 'container:foo', Dns: ['1.1.1.1'] }, 'conflicting options: dns and the network mode'],
  [
    { NetworkMode: 'container:foo', PublishAllPorts: true },
    'conflicting options: port publishing and the container type network mode',
  ],
  [{ NetworkMode: 'container:' }, 'Invalid network mode: invalid container format container:<name|id>'],
  [{ PidMode: 'foo' }, 'invalid PID mode: foo'],
  [{ IpcMode: 'foo' }, 'invalid IPC mode: foo'],
  [{ Mounts: [{ Type: 'x', Target: '/y' }] }, 'invalid mount config for type "x": mount type unknown'],
  [
    { Mounts: [{ Type: 'bind', Target: '/y' }] },
    'invalid mount config for type "bind": field Source must not be empty',
  ],
  [
    { Mounts: [{ Type: 'volume', Target: 'y' }] },
    `invalid mount config for type "volume": invalid mount path: 'y' mount path must be absolute`,
  ],
  [
    { Mounts: [{ Type: 'volume', Source: 'v', Target: '/y', BindOptions: {} }] },
    'BindOptions must not be specified on mount type "volume"',
  ],
  [{ Tmpfs: { x: '' } }, `invalid mount path: 'x' mount path must be absolute`],
  [{ Isolation: 'hyperv' }, `Invalid isolation: "hyperv" - linux only supports 'default'`],
  [{ ExtraHosts: ['a'] }, 'bad format for add-host: "a"'],
  [{ ExtraHosts: ['a:b'] }, 'invalid IP address in add-host: "b"'],
  [
    { Annotations: { '': 'x' } },
    'invalid Annotations: the empty string is not permitted as an annotation key',
  ],
];

test('wrong values are refused with the words of the real engine', () => {
  for (const [asked, message] of refusals)
    expect(failure(withHost(asked))).toEqual({ kind: 'invalid', message });
  expect(failure({})).toEqual({
    kind: 'invalid',
    message: 'config cannot be empty in order to create a container',
  });
  expect(failure({ Image: 'x', Hostname: 'h', HostConfig: { NetworkMode: 'container:foo' } }).message).toBe(
    'conflicting options: hostname and the network mode',
  );
});

test('every network that is named is joined, that of the mode first', () => {
  const endpoints = { b: { Aliases: ['x'], GwPriority: 5 }, a: { MacAddress: '02:00:00:00:00:01' } };
  const { network } = translate({
    Image: 'x',
    HostConfig: { NetworkMode: 'a' },
    NetworkingConfig: { EndpointsConfig: endpoints },
  });
  expect(Object.keys(network.endpoints)).toEqual(['a', 'b']);
  expect(network.endpoints).toMatchObject({
    a: { macAddress: '02:00:00:00:00:01' },
    b: { aliases: ['x'], gatewayPriority: 5 },
  });
  expect(translate({ Image: 'x' }).network.endpoints).toHaveProperty('bridge');
  expect(translate({ Image: 'x', HostConfig: { NetworkMode: 'none' } }).network.endpoints).toEqual({});
});

test('what is not supported is refused by name', () => {
  const asked: [object, string][] = [
    [{ HostConfig: { StorageOpt: { size: '1G' } } }, 'HostConfig.StorageOpt'],
    [{ HostConfig: { KernelMemory: 1 } }, 'HostConfig.KernelMemory'],
    [{ HostConfig: { Cgroup: 'x' } }, 'HostConfig.Cgroup'],
  ];
  for (const [body, field] of asked) {
    const { kind, message } = failure({ Image: 'x', ...body });
    expect({ kind, message }).toEqual({ kind: 'unsupported', message: expect.stringContaining(field) });
  }
});

test('values that would leave their line in files of the container are refused', () => {
  for (const asked of [{ Dns: ['1.1.1.1\nx'] }, { DnsSearch: ['a\nb'] }, { ExtraHosts: ['a b:1.1.1.1'] }])
    expect(failure(withHost(asked)).kind).toBe('invalid');
  expect(failure({ Image: 'x', Hostname: 'a\nb' }).message).toContain('invalid hostname format');
});
