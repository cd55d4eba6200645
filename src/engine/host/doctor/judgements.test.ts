import { expect, test } from 'bun:test';
import { checkCapabilities } from './capabilities.ts';
import { missingControllers } from './cgroups.ts';
import { judgeClock } from './clock.ts';
import { judgeDataRoot, judgeExecRoot } from './disk.ts';
import type { Findings } from './finding.ts';
import { checkKernel } from './kernel.ts';
import { judgeLimits } from './limits.ts';
import { judgeProcesses } from './other-engines.ts';
import { judgeRanges } from './subordinate-ids.ts';

const statuses = (findings: Findings): string[] => findings.map(({ status }) => status);
const gibibyte = 1024 ** 3;

test('a kernel is too old, enough, or has everything', () => {
  expect(statuses(checkKernel({ kernelRelease: '5.10.0-33-amd64' }))).toEqual(['problem']);
  expect(statuses(checkKernel({ kernelRelease: '5.15.0-100-generic' }))).toEqual(['note']);
  expect(statuses(checkKernel({ kernelRelease: '6.12.1' }))).toEqual(['ok']);
});

test('the file system of the data root is judged by kind and room', () => {
  const roomy = {
    type: 'ext4',
    totalBytes: 90 * gibibyte,
    freeBytes: 50 * gibibyte,
    totalInodes: 1e6,
    freeInodes: 9e5,
  };
  expect(statuses(judgeDataRoot('/d', roomy))).toEqual(['ok']);
  expect(statuses(judgeDataRoot('/d', { ...roomy, type: 'nfs' }))).toEqual(['problem']);
  expect(statuses(judgeDataRoot('/d', { ...roomy, type: 'tmpfs' }))).toEqual(['warning']);
  expect(statuses(judgeDataRoot('/d', { ...roomy, freeBytes: 2 * gibibyte }))).toEqual(['warning']);
  expect(statuses(judgeDataRoot('/d', { ...roomy, freeBytes: 1000 }))).toEqual(['problem']);
  expect(statuses(judgeDataRoot('/d', { ...roomy, freeInodes: 10 }))).toEqual(['warning']);
  expect(statuses(judgeDataRoot('/d', { ...roomy, type: 'btrfs', totalInodes: 0, freeInodes: 0 }))).toEqual([
    'ok',
  ]);
  expect(statuses(judgeExecRoot('/e', roomy))).toEqual(['note']);
  expect(judgeExecRoot('/e', { ...roomy, type: 'tmpfs' })).toEqual([]);
});

test('a range of 65536 ids in both files is enough; what is given out is never proposed again', () => {
  expect(statuses(judgeRanges('silo:100000:65536\n', 'silo:100000:65536\n'))).toEqual(['ok']);
  expect(statuses(judgeRanges('root:1:65536\n', ''))).toEqual(['ok']);
  expect(statuses(judgeRanges('# none\n', 'silo:x:y\n'))).toEqual(['ok']);
  const [half] = judgeRanges('silo:100000:65536', 'ann:100000:131072');
  expect(half?.status).toBe('problem');
  expect(half?.fix?.[0]).toContain('--add-subuids 231072-');
});

test('ranges of two owners that overlap are told', () => {
  const text = 'root:100000:65536\nann:160000:65536\n';
  const findings = judgeRanges(text, 'root:100000:65536');
  expect(statuses(findings)).toEqual(['warning', 'ok']);
  expect(findings[0]?.title).toContain('root and ann');
});

test('a clock before a moment that has passed is wrong', () => {
  const known = Date.parse('2026-08-01T00:00:00Z');
  expect(statuses(judgeClock(known + 1000, known))).toEqual(['ok']);
  expect(statuses(judgeClock(Date.parse('1970-01-02T00:00:00Z'), known))).toEqual(['warning']);
});

test('limits are judged by what a container may want', () => {
  const wide = { openFiles: 1_048_576, inotifyInstances: 1024, processes: 4_194_304 };
  expect(statuses(judgeLimits(wide))).toEqual(['ok']);
  expect(statuses(judgeLimits({ ...wide, openFiles: 20_000 }))).toEqual(['note']);
  expect(statuses(judgeLimits({ openFiles: 1024, inotifyInstances: 8, processes: 100 }))).toEqual([
    'warning',
    'warning',
    'warning',
  ]);
});

test('capabilities that the engine cannot do without are problems, CAP_SYS_RESOURCE is a note', () => {
  const all = 'SYS_ADMIN NET_ADMIN CHOWN DAC_OVERRIDE FOWNER MKNOD SETUID SETGID SETPCAP KILL SYS_RESOURCE'
    .split(' ')
    .map((name) => `CAP_${name}`);
  const without = (name: string): string[] => all.filter((held) => held !== name);
  expect(statuses(checkCapabilities(undefined, all))).toEqual(['ok']);
  expect(statuses(checkCapabilities(undefined, without('CAP_SYS_RESOURCE')))).toEqual(['note']);
  expect(statuses(checkCapabilities(undefined, without('CAP_NET_ADMIN')))).toEqual(['problem']);
});

test('a missing controller is told with the limit that needs it', () => {
  const host = { mode: 'v2' as const, unified: '/sys/fs/cgroup', hierarchies: new Map<string, string>() };
  expect(missingControllers(host, ['cpu', 'cpuset', 'io', 'memory', 'pids'])).toEqual([]);
  const findings = missingControllers(host, ['cpu', 'cpuset', 'memory', 'pids']);
  expect(findings[0]?.why).toContain('--blkio-weight');
  expect(missingControllers({ ...host, mode: 'v1' }, ['cpu', 'cpuset', 'memory', 'pids', 'blkio'])).toEqual(
    [],
  );
});

test('other engines and our own daemons are recognised', () => {
  const processes = [
    { pid: 7, name: 'dockerd', arguments: ['/usr/bin/dockerd'] },
    { pid: 8, name: 'bun', arguments: ['/x/bun', '--no-env-file', '/opt/silo.ts', 'daemon'] },
    { pid: 9, name: 'silo', arguments: ['/usr/local/bin/silo', 'daemon', '--debug'] },
    { pid: 10, name: 'silo', arguments: ['/usr/local/bin/silo', 'run', 'silo', 'daemon'] },
  ];
  const titles = judgeProcesses(processes).map(({ title }) => title);
  expect(titles[0]).toBe('Docker runs on this machine (process 7)');
  expect(titles[1]).toBe('2 Silo daemons run (process 8, 9)');
});
