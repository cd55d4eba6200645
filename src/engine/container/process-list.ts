import { readFile } from 'node:fs/promises';
import { readFileSync, readlinkSync } from 'node:fs';
import { invalid } from '../../foundation/base/errors.ts';

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
}

const ticksPerSecond = 100;
const pageKib = 4;

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

type Column = { title: string; show: (process: ProcessFacts, host: HostView) => string };
interface HostView {
  userName: (uid: number) => string;
  bootMs: number;
  uptimeSeconds: number;
  memoryKib: number;
  nowMs: number;
}

const columns: Record<string, Column> = {
  user: { title: 'USER', show: (process, host) => host.userName(process.user) },
  uid: { title: 'UID', show: (process) => String(process.user) },
  pid: { title: 'PID', show: (process) => String(process.pid) },
  ppid: { title: 'PPID', show: (process) => String(process.parent) },
  c: { title: 'C', show: (process, host) => String(Math.trunc(cpuPercent(process, host))) },
  pcpu: { title: '%CPU', show: (process, host) => cpuPercent(process, host).toFixed(1) },
  pmem: { title: '%MEM', show: (process, host) => ((process.residentKib / host.memoryKib) * 100).toFixed(1) },
  vsz: { title: 'VSZ', show: (process) => String(process.virtualKib) },
  rss: { title: 'RSS', show: (process) => String(process.residentKib) },
  stime: { title: 'STIME', show: startTime },
  start: { title: 'START', show: startTime },
  tty: { title: 'TTY', show: (process) => process.terminal },
  stat: { title: 'STAT', show: (process) => process.state },
  time: { title: 'TIME', show: (process) => clock(process.cpuSeconds) },
  etime: { title: 'ELAPSED', show: (process, host) => clock(host.uptimeSeconds - process.startedSeconds) },
  comm: { title: 'COMMAND', show: (process) => process.name },
  args: { title: 'COMMAND', show: (process) => process.command },
};
const aliases: Record<string, string> = {
  tname: 'tty',
  tt: 'tty',
  cmd: 'args',
  command: 'args',
  cputime: 'time',
  ucmd: 'comm',
  s: 'stat',
  state: 'stat',
  euser: 'user',
  '%cpu': 'pcpu',
  '%mem': 'pmem',
  rssize: 'rss',
  vsize: 'vsz',
};

/** The two classic layouts, and `-o`/`-eo` lists of columns; anything else is refused, since nothing is executed. */
export function formatProcesses(
  processes: ProcessFacts[],
  words: string[],
): { titles: string[]; processes: string[][] } {
  const chosen = choose(words);
  const host = viewHost();
  return {
    titles: chosen.map((column) => column.title),
    processes: processes.map((process) => chosen.map((column) => column.show(process, host))),
  };
}

function choose(words: string[]): Column[] {
  const list = words.join(' ');
  if (/^-?(e?f|fe)$/.test(list))
    return named('user,pid,ppid,c,stime,tty,time,args').map((column, index) =>
      index === 0 ? { ...column, title: 'UID' } : index === 7 ? { ...column, title: 'CMD' } : column,
    );
  if (/^-?(aux|ax?u|u)$/.test(list)) return named('user,pid,pcpu,pmem,vsz,rss,tty,stat,start,time,args');
  const output = /^(?:-?[aAxe]+ ?)?-?o ?(\S+(?: -o ?\S+)*)$/.exec(list)?.[1];
  if (output !== undefined) return named(output.replaceAll(/ -o ?/g, ','));
  throw invalid(`ps options "${list}" are not supported`, {
    code: 'invalid-ps-options',
    hint: 'use -ef, aux, or -o with columns such as pid,user,args',
  });
}

function named(list: string): Column[] {
  return list.split(',').map((word) => {
    const [key = '', title] = word.split('=', 2);
    const column = columns[aliases[key.toLowerCase()] ?? key.toLowerCase()];
    if (!column)
      throw invalid(`ps column "${key}" is not known`, {
        code: 'invalid-ps-options',
        hint: `known columns: ${Object.keys(columns).join(', ')}`,
      });
    return title === undefined ? column : { ...column, title };
  });
}

function viewHost(): HostView {
  const uptimeSeconds = Number.parseFloat(readFileSync('/proc/uptime', 'utf8'));
  const nowMs = Date.now();
  const names = new Map<number, string>();
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name, , uid] = line.split(':');
    if (name && uid && !names.has(Number(uid))) names.set(Number(uid), name);
  }
  return {
    userName: (uid) => names.get(uid) ?? String(uid),
    bootMs: nowMs - uptimeSeconds * 1000,
    uptimeSeconds,
    memoryKib: Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 1),
    nowMs,
  };
}

function cpuPercent(process: ProcessFacts, host: HostView): number {
  const lived = Math.max(host.uptimeSeconds - process.startedSeconds, 0.01);
  return Math.min((process.cpuSeconds / lived) * 100, 99);
}

/** `10:32` today, `Nov21` before, as procps shows. */
function startTime(process: ProcessFacts, host: HostView): string {
  const started = new Date(host.bootMs + process.startedSeconds * 1000);
  if (host.nowMs - started.getTime() < 86_400_000) return started.toTimeString().slice(0, 5);
  return started.toDateString().slice(4, 10).replace(' ', '');
}

function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}
