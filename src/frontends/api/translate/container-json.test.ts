import { expect, test } from 'bun:test';
import type { ContainerNetwork } from '../../../engine/container/container.ts';
import type { ContainerState } from '../../../engine/container/state.ts';
import { createdAtMs, sampleContainer } from '../testing/sample-records.ts';
import { toContainerInspect } from './container-inspect.ts';
import { statusText, toStateJson } from './container-state.ts';
import { toContainerSummary } from './container-summary.ts';
import { formatTime, humanDuration } from './times.ts';

const second = 1000;
const hour = 3600 * second;
const day = 24 * hour;

test('durations are told in the steps of docker ps', () => {
  const told: [number, string][] = [
    [500, 'Less than a second'],
    [1.5 * second, '1 second'],
    [59 * second, '59 seconds'],
    [61 * second, 'About a minute'],
    [59 * 60 * second, '59 minutes'],
    [hour, 'About an hour'],
    [1.6 * hour, '2 hours'],
    [47 * hour, '47 hours'],
    [2 * day, '2 days'],
    [13 * day, '13 days'],
    [14 * day, '2 weeks'],
    [60 * day, '2 months'],
    [729 * day, '24 months'],
    [800 * day, '2 years'],
  ];
  for (const [ms, text] of told) expect(humanDuration(ms)).toBe(text);
});

test('times lose trailing zeros as in Go, and never is the zero time', () => {
  expect(formatTime(createdAtMs)).toBe('2026-01-02T03:04:05.67Z');
  expect(formatTime(Date.UTC(2026, 9, 20, 10, 0, 0))).toBe('2026-10-20T10:00:00Z');
  expect(formatTime(undefined)).toBe('0001-01-01T00:00:00Z');
});

test('each state has its status text', () => {
  const now = createdAtMs + 5 * second;
  const ended = { startedAtMs: createdAtMs, finishedAtMs: createdAtMs, oomKilled: false };
  const told: [ContainerState, string][] = [
    [{ status: 'created' }, 'Created'],
    [{ status: 'starting', sinceMs: 0, firstTime: true }, 'Created'],
    [{ status: 'running', pid: 1, startedAtMs: createdAtMs }, 'Up 5 seconds'],
    [{ status: 'paused', pid: 1, startedAtMs: createdAtMs }, 'Up 5 seconds (Paused)'],
    [{ status: 'restarting', exitCode: 1, ...ended }, 'Restarting (1) 5 seconds ago'],
    [{ status: 'exited', exitCode: 137, stoppedByUser: true, ...ended }, 'Exited (137) 5 seconds ago'],
    [{ status: 'removing', exitCode: 0 }, 'Removal In Progress'],
  ];
  for (const [state, text] of told) expect(statusText({ state }, now)).toBe(text);
});

test('the state of inspect says what runs, and why not', () => {
  const failed = toStateJson({ state: { status: 'created', exitCode: 127 }, error: 'no such file' });
  expect(failed).toMatchObject({ Status: 'created', Running: false, ExitCode: 127, Error: 'no such file' });
  const paused = toStateJson({ state: { status: 'paused', pid: 7, startedAtMs: createdAtMs }, error: '' });
  expect(paused).toMatchObject({
    Status: 'paused',
    Running: true,
    Paused: true,
    Pid: 7,
    StartedAt: '2026-01-02T03:04:05.67Z',
    FinishedAt: '0001-01-01T00:00:00Z',
  });
});

const network: ContainerNetwork = {
  networks: [
    {
      name: 'bridge',
      request: { aliases: [], links: [], linkLocalAddresses: [], driverOptions: {}, gatewayPriority: 0 },
      names: [],
      networkId: 'n1',
      endpointId: 'e1',
      macAddress: '02:42:ac:1d:00:02',
      gateway: '172.29.0.1',
      address: '172.29.0.2',
      prefixLength: 16,
      ipv6Gateway: '',
      ipv6Address: '',
      ipv6PrefixLength: 0,
    },
  ],
  ports: [
    { containerPort: 443, protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8443 },
    { containerPort: 443, protocol: 'tcp', hostAddress: '::', hostPort: 8443 },
  ],
};
const notRunning: ContainerNetwork = {
  networks: network.networks.map((place) => ({ ...place, networkId: '', endpointId: '', address: '' })),
  ports: [],
};
const running = sampleContainer({ state: { status: 'running', pid: 7, startedAtMs: createdAtMs } });

test('a line of ps quotes words with spaces and sorts ports', () => {
  const line = toContainerSummary(running, { network, imageName: 'busybox', nowMs: createdAtMs + 1000 });
  expect(line).toMatchObject({
    Names: ['/web'],
    Command: `sleep '1 d'`,
    Created: Math.floor(createdAtMs / 1000),
    State: 'running',
    Status: 'Up 1 second',
    HostConfig: { NetworkMode: 'bridge' },
  });
  expect(line.Ports).toEqual([
    { PrivatePort: 80, Type: 'tcp' },
    { IP: '0.0.0.0', PrivatePort: 443, PublicPort: 8443, Type: 'tcp' },
    { IP: '::', PrivatePort: 443, PublicPort: 8443, Type: 'tcp' },
  ]);
});

test('inspect shows ports only while it runs, null for those without a host port', () => {
  const host = { cgroupVersion: '1', defaultRuntime: 'crun' } as const;
  const alive = toContainerInspect(running, { network, host });
  expect(alive.NetworkSettings.Ports).toEqual({
    '80/tcp': null,
    '443/tcp': [
      { HostIp: '0.0.0.0', HostPort: '8443' },
      { HostIp: '::', HostPort: '8443' },
    ],
  });
  expect(alive.NetworkSettings.IPAddress).toBe('172.29.0.2');
  const stopped = toContainerInspect(sampleContainer(), { network: notRunning, host });
  expect(stopped.NetworkSettings).toMatchObject({ Ports: {}, IPAddress: '', SandboxKey: '' });
  expect(stopped.NetworkSettings.Networks).toMatchObject({ bridge: { IPAddress: '', IPAMConfig: null } });
  expect(stopped.HostConfig).toMatchObject({ CgroupnsMode: 'host', IpcMode: 'private', Runtime: 'crun' });
});

test('mounts of all kinds are shown as Docker shows them', () => {
  const record = sampleContainer({
    mounts: [
      {
        kind: 'bind',
        source: '/tmp',
        destination: '/x',
        readOnly: true,
        propagation: 'rprivate',
        mode: 'ro',
      },
      {
        kind: 'volume',
        name: 'v',
        source: '/d/v',
        destination: '/y',
        readOnly: false,
        propagation: '',
        mode: '',
      },
    ],
  });
  record.config.mounts = [{ type: 'tmpfs', source: '', target: '/t', readOnly: false }];
  const { Mounts } = toContainerSummary(record, { network, imageName: 'x', nowMs: 0 });
  expect(Mounts).toEqual([
    { Type: 'bind', Source: '/tmp', Destination: '/x', Mode: 'ro', RW: false, Propagation: 'rprivate' },
    {
      Type: 'volume',
      Name: 'v',
      Source: '/d/v',
      Destination: '/y',
      Driver: 'local',
      Mode: 'z',
      RW: true,
      Propagation: '',
    },
    { Type: 'tmpfs', Source: '', Destination: '/t', Mode: '', RW: true, Propagation: '' },
  ]);
});
