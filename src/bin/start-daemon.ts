import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { forbidden, unavailable } from '../foundation/base/errors.ts';
import { ownCommand } from './self.ts';

const readyFd = 3;
const logFolders = ['/var/log/silo', '/run/silo'];

/**
 * Starts the default daemon in the background: detached from this terminal, its log in a file. Ready is one byte on an inherited pipe; a
 * daemon that ends before it closes the pipe, so nothing is polled. When two commands do this at once, the later daemon finds the data root
 * taken and ends; its command then waits for the first one's socket.
 */
export async function startDaemon({
  host,
  report,
}: {
  host: string;
  report: (line: string) => void;
}): Promise<void> {
  if (process.getuid?.() !== 0)
    throw forbidden(`Cannot connect to the Silo daemon at ${host}, and only root can start it`, {
      code: 'daemon-needs-root',
      hint: 'start it with `sudo silo daemon`, or select a running one with -H or SILO_HOST',
    });
  const log = openLog();
  report('Starting the Silo daemon…');
  const child = spawnDaemon(log);
  const pipe = child.stdio[readyFd] as Readable;
  const ready = await new Promise<boolean>((resolve) => {
    pipe.once('data', () => resolve(true));
    pipe.once('close', () => resolve(false));
    child.once('error', () => resolve(false));
  });
  pipe.destroy();
  child.unref();
  if (ready) return;
  const reason = readReason(log.path);
  if (reason.code === 'in-use' && (await listens(host.replace(/^unix:\/\//, '')))) return;
  throw unavailable(`the Silo daemon did not start: ${reason.message}`, {
    code: 'daemon-start-failed',
    hint: `${reason.hint === undefined ? '' : `${reason.hint}. `}Its log is ${log.path}; \`silo doctor\` checks this machine`,
  });
}

function spawnDaemon(log: { fd: number }): ChildProcess {
  const [program = '', ...words] = ownCommand();
  const child = spawn(program, [...words, 'daemon'], {
    detached: true,
    cwd: '/',
    stdio: ['ignore', log.fd, log.fd, 'pipe'],
    env: { ...process.env, SILO_READY_FD: String(readyFd) },
  });
  closeSync(log.fd);
  return child;
}

/** A log that is longer is put aside, and what was aside is gone. */
const logBytes = 10 * 1024 * 1024;

/** The log's usual place, or beside the socket when that cannot be written. */
function openLog(): { fd: number; path: string } {
  let failure: unknown;
  for (const folder of logFolders) {
    const path = join(folder, 'daemon.log');
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > logBytes) renameSync(path, `${path}.1`);
      return { fd: openSync(path, 'a', 0o600), path };
    } catch (error) {
      failure = error;
    }
  }
  throw unavailable('the Silo daemon cannot be started: no place for its log', {
    cause: failure,
    hint: `make one of ${logFolders.join(', ')} writable`,
  });
}

interface Reason {
  message: string;
  code?: string;
  hint?: string;
}

/** What the daemon said last: an entry of its log, or what the command line said before there was one. */
export function readReason(path: string): Reason {
  const [last = '', before = ''] = readFileSync(path, 'utf8').trimEnd().split('\n').toReversed();
  const hint = /^Hint: (.*)$/.exec(last)?.[1];
  if (hint !== undefined) return { message: before.slice(0, 500), hint };
  const text = '"(?:[^"\\\\]|\\\\.)*"';
  const entry = new RegExp(`^\\S+ error (.*?)(?: code=(${text}))?(?: hint=(${text}))?$`).exec(
    last.slice(0, 2000),
  );
  if (entry === null) return { message: last.slice(0, 500) || 'it said nothing' };
  const [, message = '', code, own] = entry;
  return {
    message,
    ...(code === undefined ? {} : { code: String(JSON.parse(code)) }),
    ...(own === undefined ? {} : { hint: String(JSON.parse(own)) }),
  };
}

/** How long another command's daemon may take from its lock to its socket. */
const otherStartMs = 15_000;

/** Whether somebody listens at the socket, now or once its folder changes. */
async function listens(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = (): void => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => undefined);
  };
  const { createReactor } = await import('../foundation/kernel/reactor.ts');
  const { IN_ATTRIB, IN_CREATE, IN_MOVED_TO, watchDirectory } =
    await import('../foundation/kernel/inotify.ts');
  using reactor = createReactor();
  using _watch = watchDirectory(reactor, dirname(path), IN_CREATE | IN_MOVED_TO | IN_ATTRIB, probe);
  const deadline = setTimeout(() => resolve(false), otherStartMs);
  probe();
  try {
    return await promise;
  } finally {
    clearTimeout(deadline);
  }
}
