import { readFile } from 'node:fs/promises';
import { readlinkSync } from 'node:fs';

/** One process as `/proc/PID` tells (proc(5)). */
export interface ProcessFacts {
  pid: number;
  parent: number;
  user: number;
  /** Seconds since boot at its start. */
  startedSeconds: number;
  cpuSeconds: number;
  terminal: string;
  command: string;
  name: string;
  state: string;
  residentKib: number;
  virtualKib: number;
  group: number;
  session: number;
  /** Group in the terminal's foreground, -1 without a terminal. */
  foreground: number;
  flags: number;
  priority: number;
  nice: number;
  threads: number;
  /** Processor that it ran on last. */
  processor: number;
}

const ticksPerSecond = 100;
export const pageKib = 4;

/** undefined when it has just ended. */
export async function readProcess(pid: number): Promise<ProcessFacts | undefined> {
  try {
    const [stat, status, commandLine] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/status`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const field = (number: number): number => Number(fields[number - 3]);
    const words = commandLine.replace(/\0+$/, '').replaceAll('\0', ' ');
    return {
      pid,
      parent: field(4),
      user: Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? 0),
      startedSeconds: field(22) / ticksPerSecond,
      cpuSeconds: (field(14) + field(15)) / ticksPerSecond,
      terminal: terminalOf(pid, field(7)),
      command: words || `[${name}]`,
      name,
      state: fields[0] ?? '?',
      residentKib: field(24) * pageKib,
      virtualKib: Math.round(field(23) / 1024),
      group: field(5),
      session: field(6),
      foreground: field(8),
      flags: field(9),
      priority: field(18),
      nice: field(19),
      threads: field(20),
      processor: field(39),
    };
  } catch {
    return undefined;
  }
}

function terminalOf(pid: number, device: number): string {
  if (device === 0) return '?';
  try {
    const target = readlinkSync(`/proc/${pid}/fd/0`);
    if (target.startsWith('/dev/')) return target.slice('/dev/'.length);
  } catch {
    // Ended, or its input is not a terminal.
  }
  return 'pts/?';
}
