import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ProcessEntry {
  pid: number;
  words: string;
  /** Identity of its mount namespace; empty when it ended meanwhile. */
  mounts: string;
}

export function allProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => ({
      pid: Number(name),
      words: read(() => readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')),
      mounts: mountNamespace(Number(name)),
    }));
}

export function mountNamespace(pid: number): string {
  return read(() => readlinkSync(`/proc/${pid}/ns/mnt`));
}

/** Proportional set size, in MB, of all these processes: shared pages are divided among those who share them. */
export function memoryOf(pids: number[]): number {
  const sizes = pids.map((pid) => read(() => readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')));
  return sizes.reduce((sum, text) => sum + Number(/^Pss: +(\d+)/m.exec(text)?.[1] ?? 0), 0) / 1000;
}

function read(look: () => string): string {
  try {
    return look();
  } catch {
    return '';
  }
}
