import { readFileSync } from 'node:fs';
import { invalid } from '../../../foundation/base/errors.ts';
import { pageKib, type ProcessFacts } from './process-facts.ts';

export interface Column {
  title: string;
  show: (process: ProcessFacts, host: HostView) => string;
  /** Where threads have lines below that of their process, the other kind of line has a dash here. */
  of?: 'process' | 'thread';
  /** What the process is called: a tree is drawn before it. */
  isName?: true;
}
export interface HostView {
  userName: (uid: number) => string;
  bootMs: number;
  uptimeSeconds: number;
  memoryKib: number;
  nowMs: number;
}

const columns: Record<string, Column> = {
  user: { title: 'USER', show: (process, host) => host.userName(process.user) },
  ruser: { title: 'RUSER', show: (process, host) => host.userName(process.realUser) },
  ruid: { title: 'RUID', show: (process) => String(process.realUser) },
  gid: { title: 'GID', show: (process) => String(process.userGroup) },
  uid: { title: 'UID', show: (process) => String(process.user) },
  pid: { title: 'PID', show: (process) => String(process.pid), of: 'process' },
  lwp: { title: 'LWP', show: (process) => String(process.thread), of: 'thread' },
  spid: { title: 'SPID', show: (process) => String(process.thread), of: 'thread' },
  tid: { title: 'TID', show: (process) => String(process.thread), of: 'thread' },
  ppid: { title: 'PPID', show: (process) => String(process.parent), of: 'process' },
  c: { title: 'C', show: (process, host) => String(Math.trunc(cpuPercent(process, host))) },
  pcpu: { title: '%CPU', show: (process, host) => cpuPercent(process, host).toFixed(1) },
  pmem: {
    title: '%MEM',
    show: (process, host) => ((process.residentKib / host.memoryKib) * 100).toFixed(1),
    of: 'process',
  },
  vsz: { title: 'VSZ', show: (process) => String(process.virtualKib), of: 'process' },
  rss: { title: 'RSS', show: (process) => String(process.residentKib), of: 'process' },
  stime: { title: 'STIME', show: startTime },
  start: { title: 'START', show: startTime },
  lstart: {
    title: 'STARTED',
    show: ({ startedSeconds }, { bootMs }) => longTime(new Date(bootMs + startedSeconds * 1000)),
  },
  cmd: { title: 'CMD', show: (process) => process.command, of: 'process', isName: true },
  tty: { title: 'TTY', show: (process) => process.terminal, of: 'process' },
  stat: { title: 'STAT', show: formatState, of: 'thread' },
  s: { title: 'S', show: (process) => process.state, of: 'thread' },
  f: { title: 'F', show: (process) => ((process.flags >> 6) & 7).toString(8) },
  pgid: { title: 'PGID', show: (process) => String(process.group), of: 'process' },
  sid: { title: 'SID', show: (process) => String(process.session), of: 'process' },
  tpgid: { title: 'TPGID', show: (process) => String(process.foreground), of: 'process' },
  pri: { title: 'PRI', show: (process) => String(19 - process.nice), of: 'thread' },
  // What `-l` and `l` call PRI: larger is less urgent.
  opri: { title: 'PRI', show: (process) => String(60 + process.priority), of: 'thread' },
  priority: { title: 'PRI', show: (process) => String(process.priority), of: 'thread' },
  ni: { title: 'NI', show: (process) => String(process.nice), of: 'thread' },
  nlwp: { title: 'NLWP', show: (process) => String(process.threads), of: 'process' },
  psr: { title: 'PSR', show: (process) => String(process.processor), of: 'thread' },
  sz: { title: 'SZ', show: (process) => String(Math.floor(process.virtualKib / pageKib)), of: 'process' },
  addr: { title: 'ADDR', show: () => '-', of: 'process' },
  // Where it sleeps in the kernel: hidden from all but root by today's kernels, and told to nobody here.
  wchan: { title: 'WCHAN', show: () => '-', of: 'thread' },
  bsdtime: { title: 'TIME', show: (process) => shortClock(process.cpuSeconds) },
  etimes: {
    title: 'ELAPSED',
    show: (process, host) => String(Math.floor(host.uptimeSeconds - process.startedSeconds)),
  },
  time: { title: 'TIME', show: (process) => clock(process.cpuSeconds) },
  etime: { title: 'ELAPSED', show: (process, host) => elapsed(host.uptimeSeconds - process.startedSeconds) },
  comm: { title: 'COMMAND', show: (process) => process.name, of: 'process', isName: true },
  args: { title: 'COMMAND', show: (process) => process.command, of: 'process', isName: true },
};
const aliases: Record<string, string> = {
  tname: 'tty',
  tt: 'tty',
  command: 'args',
  cputime: 'time',
  ucmd: 'comm',
  state: 's',
  nice: 'ni',
  pgrp: 'pgid',
  sess: 'sid',
  session: 'sid',
  euid: 'uid',
  egid: 'gid',
  tgid: 'pid',
  thcount: 'nlwp',
  start_time: 'stime',
  bsdstart: 'start',
  flag: 'f',
  flags: 'f',
  euser: 'user',
  '%cpu': 'pcpu',
  '%mem': 'pmem',
  rssize: 'rss',
  vsize: 'vsz',
};

/** Columns by their names with commas between; `name=TITLE` gives the last one another title. */
export function columnsOf(list: string): Column[] {
  return list.split(/[, ]+/).map((word) => {
    const [key = '', title] = word.split('=', 2);
    const column = findColumn(key);
    if (!column)
      throw invalid(`ps: error: unknown user-defined format specifier "${key.slice(0, 80)}"`, {
        code: 'invalid-ps-options',
        hint: `known columns: ${Object.keys(columns).join(', ')}`,
      });
    return title === undefined ? column : { ...column, title };
  });
}

export function findColumn(name: string): Column | undefined {
  const key = aliases[name.toLowerCase()] ?? name.toLowerCase();
  return Object.hasOwn(columns, key) ? columns[key] : undefined;
}

export function viewHost(): HostView {
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

/** `Rs+`: what it does, its niceness, session leader, several threads, in the terminal's foreground. */
function formatState({ state, nice, pid, session, threads, group, foreground }: ProcessFacts): string {
  return [
    state,
    nice < 0 ? '<' : nice > 0 ? 'N' : '',
    session === pid ? 's' : '',
    threads > 1 ? 'l' : '',
    foreground === group ? '+' : '',
  ].join('');
}

/** `Sat Nov 21 21:49:00 2026`, as ctime(3). */
function longTime(time: Date): string {
  const date = time.toDateString();
  return `${date.slice(0, 8)}${String(time.getDate()).padStart(2)} ${time.toTimeString().slice(0, 8)} ${time.getFullYear()}`;
}

/** `0:19`, as the layouts of BSD have it. */
function shortClock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** `[[dd-]hh:]mm:ss` */
function elapsed(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor(whole / 3600) % 24;
  const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  if (days > 0) return `${days}-${two(hours)}:${rest}`;
  return hours > 0 ? `${two(hours)}:${rest}` : rest;
}

function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}
