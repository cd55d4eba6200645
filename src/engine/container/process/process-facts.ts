import { readdir, readFile } from 'node:fs/promises';
import { readlinkSync } from 'node:fs';

/** One process as `/proc/PID` tells (proc(5)). */
export interface ProcessFacts {
  pid: number;
  /** Of a thread its own number, of a process that of its first. */
  thread: number;
  parent: number;
  user: number;
  realUser: number;
  /** Effective, as all that follow. */
  userGroup: number;
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
    const own = ofThread(stat);
    const { name } = own;
    const field = fieldsOf(stat);
    const words = commandLine.replace(/\0+$/, '').replaceAll('\0', ' ');
    const [, realUser = 0, user = 0] = /^Uid:\s+(\d+)\s+(\d+)/m.exec(status) ?? [];
    return {
      ...own,
      pid,
      thread: pid,
      parent: field(4),
      user: Number(user),
      realUser: Number(realUser),
      userGroup: Number(/^Gid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? 0),
      terminal: terminalOf(pid, field(7)),
      command: words || `[${name}]`,
      residentKib: field(24) * pageKib,
      virtualKib: Math.round(field(23) / 1024),
      group: field(5),
      session: field(6),
      foreground: field(8),
      threads: field(20),
    };
  } catch {
    return undefined;
  }
}

/** Files read at one time: a process may have tens of thousands of threads. */
const readsAtOnce = 64;

/** What its threads have of their own, the rest as the process has it. None when it has just ended. */
export async function readThreads(process: ProcessFacts): Promise<ProcessFacts[]> {
  const folder = `/proc/${process.pid}/task`;
  const ids = (await readdir(folder).catch(() => [])).map(Number).sort((a, b) => a - b);
  const found: ProcessFacts[] = [];
  for (let start = 0; start < ids.length; start += readsAtOnce) {
    const slice = ids.slice(start, start + readsAtOnce);
    const texts = await Promise.all(
      slice.map((id) => readFile(`${folder}/${id}/stat`, 'utf8').catch(() => undefined)),
    );
    for (const [place, thread] of slice.entries()) {
      const stat = texts[place];
      if (stat !== undefined) found.push({ ...process, ...ofThread(stat), thread });
    }
  }
  return found;
}

/** proc_pid_stat(5): the name may hold spaces and brackets, the fields after the last bracket are plain and counted from 3. */
function fieldsOf(stat: string): (number: number) => number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (number) => Number(fields[number - 3]);
}

type OfThread = Pick<
  ProcessFacts,
  'name' | 'state' | 'startedSeconds' | 'cpuSeconds' | 'flags' | 'priority' | 'nice' | 'processor'
>;

function ofThread(stat: string): OfThread {
  const field = fieldsOf(stat);
  return {
    name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
    state: stat.charAt(stat.lastIndexOf(')') + 2) || '?',
    startedSeconds: field(22) / ticksPerSecond,
    cpuSeconds: (field(14) + field(15)) / ticksPerSecond,
    flags: field(9),
    priority: field(18),
    nice: field(19),
    processor: field(39),
  };
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
