import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { unavailable } from '../../../foundation/base/errors.ts';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { createPipe, readPipe } from '../../../foundation/kernel/pipe.ts';
import type { Reactor } from '../../../foundation/kernel/reactor.ts';
import type { MonitorPaths } from './layout.ts';
import { identifyProcess, isAlive, type ProcessIdentity } from './process-identity.ts';

/** One message of conmon on its sync pipe: a process id, an exit code, or negative with the reason of a failure. */
export interface SyncMessage {
  data: number;
  message: string;
}

/** A conmon that we started. It lives on when the engine dies. */
export interface Monitor {
  identity: ProcessIdentity;
  /** Its messages in order; `undefined` at each call after it has gone. */
  nextMessage(): Promise<SyncMessage | undefined>;
  /** It has gone: nothing more will be written by it. */
  readonly gone: Promise<void>;
  /** What it printed before it could report. */
  readonly earlyOutput: () => string;
  /** Stops it and the runtime that it is running. */
  kill(): void;
}

export interface SpawnMonitor {
  conmon: string;
  args: readonly string[];
  paths: MonitorPaths;
  /** A pipe that conmon waits on before it begins, and again before the program starts. */
  startPipe?: { readFd: number };
}

const longestMessageBytes = 64 * 1024;

/**
 * conmon with an environment and descriptors of our choice: standard error and the sync pipe are one pipe, so that what it prints before
 * it can report arrives too. `TMPDIR=.` keeps the terminal's socket in its working folder, whose path may be of any length.
 */
export function spawnMonitor(reactor: Reactor, request: SpawnMonitor): Monitor {
  const { conmon, args, paths, startPipe } = request;
  const sync = createPipe();
  const startFds = startPipe ? [startPipe.readFd] : [];
  const attachEnv = startPipe ? { _OCI_STARTPIPE: '4', _OCI_ATTACHPIPE: '3' } : {};
  let pid: number | undefined;
  try {
    const child = spawn(conmon, args, {
      stdio: ['ignore', 'ignore', sync.writeFd, sync.writeFd, ...startFds],
      cwd: paths.folder,
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        TZ: 'UTC',
        TMPDIR: '.',
        _OCI_SYNCPIPE: '3',
        ...attachEnv,
      },
      detached: true,
    });
    child.on('error', () => undefined);
    child.unref();
    pid = child.pid;
  } finally {
    closeDescriptor(sync.writeFd);
    if (pid === undefined) closeDescriptor(sync.readFd);
  }
  if (pid === undefined)
    throw unavailable(`cannot run the container monitor ${conmon}`, { hint: 'install the package conmon' });
  const identity = identifyProcess(pid) ?? { pid, startTime: '' };
  writeFileSync(paths.monitorFile, JSON.stringify(identity), { mode: 0o600 });
  return { identity, ...readMessages(reactor, sync.readFd), kill: () => killMonitor(identity) };
}

function readMessages(reactor: Reactor, fd: number): Pick<Monitor, 'nextMessage' | 'gone' | 'earlyOutput'> {
  const messages: SyncMessage[] = [];
  const waiting: ((message: SyncMessage | undefined) => void)[] = [];
  const gone = Promise.withResolvers<void>();
  let ended = false;
  let partial = '';
  let output = '';
  const take = (line: string): void => {
    const message = parseMessage(line);
    if (!message) output = `${output}${line}\n`.slice(0, longestMessageBytes);
    else if (waiting.length > 0) waiting.shift()?.(message);
    else messages.push(message);
  };
  readPipe(reactor, fd, {
    onData(chunk) {
      const lines = (partial + chunk.toString()).split('\n');
      partial = (lines.pop() ?? '').slice(0, longestMessageBytes);
      lines.forEach(take);
    },
    onEnd() {
      if (partial !== '') take(partial);
      ended = true;
      for (const resolve of waiting.splice(0)) resolve(undefined);
      gone.resolve();
    },
  });
  return {
    gone: gone.promise,
    earlyOutput: () => output,
    async nextMessage() {
      const next = messages.shift();
      if (next || ended) return next;
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}

function parseMessage(line: string): SyncMessage | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(line) as { data?: unknown; message?: unknown };
    if (typeof value.data !== 'number') return undefined;
    return { data: value.data, message: typeof value.message === 'string' ? value.message : '' };
  } catch {
    // conmon does not escape every byte of a runtime's message; the number is what counts.
    const number = /"data": (-?\d+)/.exec(line)?.[1];
    return number === undefined ? undefined : { data: Number(number), message: line };
  }
}

/** SIGKILL for conmon's process group; the runtime that it runs dies with it (parent-death signal). */
export function killMonitor(identity: ProcessIdentity): void {
  if (!isAlive(identity)) return;
  for (const target of [-identity.pid, identity.pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // Gone in between.
    }
  }
}

/** The monitor that was recorded in the folder, alive or not; undefined when none was, or a crash tore the record. */
export function readMonitorFile(paths: MonitorPaths): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(paths.monitorFile, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

/** The process id that the runtime wrote, once it has. */
export function readPidFile(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
