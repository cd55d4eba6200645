import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { kernelNames } from '../../src/resources/network/names.ts';
import { run } from './run.ts';

/** What a test engine may have made on the machine can be found by these names alone, without asking it. */
export interface Footprint {
  directory: string;
  bridge: string;
  cgroupParent: string;
}

export interface Link {
  ifname: string;
  ifalias?: string;
}

/** Mount points below the engine's folder. */
export async function mountsOf({ directory }: Pick<Footprint, 'directory'>): Promise<string[]> {
  const lines = (await readFile('/proc/self/mounts', 'utf8')).split('\n');
  return lines.map((line) => line.split(' ')[1] ?? '').filter((path) => path.startsWith(`${directory}/`));
}

/** Processes whose command line names the engine's folder: daemon, monitors, runtimes, unpackers. */
export function processesOf({ directory }: Pick<Footprint, 'directory'>): { pid: number; words: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => ({ pid: Number(name), words: commandLine(name) }))
    .filter(({ words }) => words.includes(`${directory}/`));
}

/** Control groups of containers, by name, over all hierarchies. */
export function cgroupsOf({ cgroupParent }: Pick<Footprint, 'cgroupParent'>): string[] {
  const names = cgroupFolders(cgroupParent).flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name),
  );
  return [...new Set(names)];
}

/** Host ends of pairs of this engine. */
export async function pairsOf({ bridge }: Pick<Footprint, 'bridge'>): Promise<string[]> {
  const { vethPrefix } = kernelNames(bridge);
  return (await links()).map((link) => link.ifname).filter((name) => name.startsWith(vethPrefix));
}

/** Bridges of this engine. */
export async function bridgesOf({ bridge }: Pick<Footprint, 'bridge'>): Promise<string[]> {
  const ours = (await links()).filter(
    ({ ifname, ifalias }) => ifname === bridge || ifalias?.startsWith(`silo:${bridge}:`),
  );
  return ours.map((link) => link.ifname);
}

/** The engine's table of firewall rules as text; empty when there is none. */
export async function rulesOf({ bridge }: Pick<Footprint, 'bridge'>): Promise<string> {
  return (await run(['nft', 'list', 'table', 'inet', bridge])).stdout;
}

/** Its own table, and its copies of the host's rules for what comes in: family and name. */
async function tablesOf({ bridge }: Pick<Footprint, 'bridge'>): Promise<[family: string, name: string][]> {
  const all = (await run(['nft', 'list', 'tables'])).stdout.matchAll(/^table (\S+) (\S+)$/gm);
  return [...all]
    .map(([, family = '', name = '']): [string, string] => [family, name])
    .filter(([, name]) => name === bridge || name.startsWith(`${bridge}-host-`));
}

/** Takes everything away, without the engine's help. */
export async function removeAll(footprint: Footprint): Promise<void> {
  const { directory, cgroupParent } = footprint;
  for (const { pid } of processesOf(footprint)) kill(pid);
  for (const folder of cgroupFolders(cgroupParent)) for (const pid of membersBelow(folder)) kill(pid);
  for (const folder of cgroupFolders(cgroupParent)) thaw(folder);
  await eventually(() => cgroupFolders(cgroupParent).flatMap(membersBelow).length === 0, 5_000);
  for (const path of (await mountsOf(footprint)).toReversed()) await run(['umount', '-l', path]);
  for (const name of [...(await pairsOf(footprint)), ...(await bridgesOf(footprint))])
    await run(['ip', 'link', 'del', name]);
  for (const [family, table] of await tablesOf(footprint))
    await run(['nft', 'delete', 'table', family, table]);
  for (const folder of cgroupFolders(cgroupParent)) removeTree(folder);
  await rm(directory, { recursive: true, force: true });
}

/** Looks again and again for a while: for what the kernel finishes in its own time. Returns the last answer. */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (await holds()) return true;
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function links(): Promise<Link[]> {
  return JSON.parse((await run(['ip', '-j', 'link', 'show'])).stdout || '[]') as Link[];
}

function cgroupFolders(parent: string): string[] {
  const roots = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}`)];
  return roots.map((root) => join(root, parent)).filter((path) => existsSync(path));
}

function membersBelow(folder: string): number[] {
  const own = lines(join(folder, 'cgroup.procs')).map(Number);
  return [...own, ...foldersIn(folder).flatMap(membersBelow)];
}

/** What is frozen does not die. */
function thaw(folder: string): void {
  for (const below of foldersIn(folder)) thaw(below);
  for (const [name, word] of [
    ['freezer.state', 'THAWED'],
    ['cgroup.freeze', '0'],
  ] as const)
    if (existsSync(join(folder, name))) writeFileSync(join(folder, name), word);
}

function removeTree(folder: string): void {
  for (const below of foldersIn(folder)) removeTree(below);
  try {
    rmdirSync(folder);
  } catch {
    // A dying process is still in it; the empty group does no harm.
  }
}

function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  } catch {
    return [];
  }
}

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended meanwhile.
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
