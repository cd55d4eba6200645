import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism, hostname, release, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { accessSync, constants } from 'node:fs';
import { promisify } from 'node:util';
import { writeFileAtomic } from '../../foundation/base/atomic-file.ts';
import { cgroupHost } from '../../foundation/kernel/cgroup.ts';
import { createSeccompMemory } from '../../resources/spec/seccomp-choice.ts';
import type { HostFacts as SpecHost } from '../../resources/spec/spec.ts';

const run = promisify(execFile);

/** GOARCH words, as images use them. */
export const architecture: string = process.arch === 'x64' ? 'amd64' : process.arch;

/** Where system programs live; a daemon started with a poor PATH still finds them. */
const searchPath = [
  ...(process.env['PATH'] ?? '').split(delimiter),
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/** Absolute path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  const candidates = name.includes('/')
    ? [name]
    : searchPath.filter((path) => path !== '').map((path) => join(path, name));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Static inits that Debian packages; the first that exists serves `--init`. */
export function findInit(): string {
  const known = ['/usr/bin/tini-static', '/usr/bin/catatonit', '/usr/libexec/podman/catatonit'];
  return known.find((path) => findProgram(path) !== undefined) ?? '';
}

/** First line of `PROGRAM --version`; empty when it cannot be asked. */
export async function versionOf(program: string): Promise<string> {
  const answer = await run(program, ['--version'], { timeout: 5000 }).catch(() => ({ stdout: '' }));
  return answer.stdout.split('\n', 1)[0] ?? '';
}

/** Name and version from os-release(5). */
export async function operatingSystem(): Promise<{ name: string; version: string }> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const value = (key: string): string =>
    new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]?.replace(/^["'](.*)["']$/, '$1') ?? '';
  return { name: value('PRETTY_NAME') || 'Linux', version: value('VERSION_ID') };
}

/** The stable random identity of a data root. */
export async function engineId(dataRoot: string): Promise<string> {
  const path = join(dataRoot, 'engine-id');
  const kept = (await readFile(path, 'utf8').catch(() => '')).trim();
  if (kept !== '') return kept;
  const id = randomUUID();
  await writeFileAtomic(path, `${id}\n`);
  return id;
}

const capabilityNames =
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'.split(
    ' ',
  );

/** Capabilities of this process' bounding set, `CAP_…` (capabilities(7), in the kernel's order). */
export function heldCapabilities(): string[] {
  const mask = BigInt(`0x${/^CapBnd:\s+(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
  return capabilityNames.filter((_, bit) => (mask >> BigInt(bit)) & 1n).map((name) => `CAP_${name}`);
}

/** Hard limit of open files, and the lowest `oom_score_adj` that may be given to containers. */
export function grantableLimits(): { openFiles: number; lowestOomScore: number } {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? '';
  const mayRaise = heldCapabilities().includes('CAP_SYS_RESOURCE');
  const nrOpen = Number(readFileSync('/proc/sys/fs/nr_open', 'utf8'));
  const ownScore = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
  const limit = hard === 'unlimited' ? nrOpen : Number(hard);
  return { openFiles: mayRaise ? nrOpen : limit, lowestOomScore: mayRaise ? -1000 : ownScore };
}

export async function specHost(cgroupVersion: 1 | 2): Promise<SpecHost> {
  const swapFile = cgroupVersion === 2 ? '' : '/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes';
  const swapLimit =
    cgroupVersion === 2 ||
    (await readFile(swapFile).then(
      () => true,
      () => false,
    ));
  const namedHierarchy = cgroupHost().hierarchies.get('name=systemd');
  const system = { architecture, kernelRelease: release() };
  return {
    ...system,
    seccomp: createSeccompMemory(system),
    capabilities: heldCapabilities(),
    cgroupVersion,
    ...(namedHierarchy === undefined ? {} : { namedHierarchy }),
    swapLimit,
    maximumOpenFiles: grantableLimits().openFiles,
  };
}

/** Lists of the kernel's: cpuset(7). */
export function onlineLists(): { cpuList?: string; memoryNodes?: string } {
  const read = (kind: string): string | undefined => {
    try {
      return readFileSync(`/sys/devices/system/${kind}/online`, 'utf8').trim() || undefined;
    } catch {
      return undefined;
    }
  };
  const cpuList = read('cpu');
  const memoryNodes = read('node');
  return { ...(cpuList ? { cpuList } : {}), ...(memoryNodes ? { memoryNodes } : {}) };
}

export const machine = {
  name: hostname,
  cpus: availableParallelism,
  memoryBytes: totalmem,
  kernelVersion: release,
};
