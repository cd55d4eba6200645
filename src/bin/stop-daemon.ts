import { readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  conflict,
  forbidden,
  notFound,
  timedOut,
  unavailable,
  unsupported,
} from '../foundation/base/errors.ts';
import { openPidfd, sendSignal, watchExit } from '../foundation/kernel/pidfd.ts';
import { createReactor } from '../foundation/kernel/reactor.ts';
import { askPeer, type PeerAnswer } from '../foundation/kernel/socket-peer.ts';
import { isErrno } from '../foundation/kernel/syscall-error.ts';
import { closeDescriptor } from '../foundation/kernel/at.ts';
import { parseHost } from '../frontends/client/host.ts';
import { serviceOf } from './service-of.ts';

/** An engine closes its streams and writes its database; more than this is a fault. */
const deadlineMs = 60_000;
const SIGTERM = 15;

/**
 * Ends the engine that listens at `host` and waits for its end; containers go on. Resolves to its process id. Nothing else is ever signalled: who holds
 * the socket must answer as Silo does, and be a process of `silo daemon`.
 */
export async function stopDaemon({ host }: { host: string }): Promise<number> {
  const address = parseHost(host);
  if (address.kind !== 'unix')
    throw unsupported(`only an engine of this machine can be stopped, not ${host}`, {
      hint: 'run `silo daemon stop` there',
    });
  const { pid, bytes } = await ask(address.path, address.text);
  if (!saysSilo(bytes.toString('utf8')))
    throw notOurs(`what listens at ${address.text} (process ${pid}) does not answer as an engine of Silo`);
  if (pid === 1) throw notOurs(`the socket ${address.text} is held by process 1`);
  const pidfd = pid > 0 ? openPidfd(pid) : undefined;
  if (pidfd === undefined)
    throw notOurs(`whoever listens at ${address.text} is no process that is seen here`);
  try {
    // From here on the descriptor is of the process that is looked at, whatever becomes of its number.
    if (!(await isDaemon(pid)))
      throw notOurs(`process ${pid}, which listens at ${address.text}, is no \`silo daemon\``);
    const unit = await serviceOf(pid);
    if (unit !== undefined)
      throw conflict(`the engine at ${address.text} is the service ${unit}, which would start it again`, {
        code: 'daemon-is-service',
        hint: `systemctl stop ${unit}`,
      });
    await end(pid, pidfd);
    return pid;
  } finally {
    closeDescriptor(pidfd);
  }
}

const notOurs = (why: string): Error =>
  conflict(`${why}: nothing is stopped`, {
    code: 'not-a-silo-daemon',
    hint: 'choose an engine of Silo with -H or SILO_HOST',
  });

const request = Buffer.from('GET /version HTTP/1.1\r\nHost: silo\r\nConnection: close\r\n\r\n');

async function ask(path: string, text: string): Promise<PeerAnswer> {
  try {
    return await askPeer(path, { request, mostBytes: 64 * 1024, seconds: 10 });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ECONNREFUSED'))
      throw notFound(`no engine listens at ${text}`, { hint: 'another one is chosen with -H' });
    if (isErrno(error, 'EACCES', 'EPERM'))
      throw forbidden(`permission denied while trying to connect to ${text}`, {
        cause: error,
        hint: 'who started the engine may stop it: use sudo',
      });
    throw unavailable(`what listens at ${text} does not answer: nothing is stopped`, {
      cause: error,
      hint: `\`fuser ${path}\` tells its process; an engine of Silo that hangs may be ended with kill -9, its containers go on`,
    });
  }
}

/** The body may be in chunks; what is looked for is in one of them. */
function saysSilo(answer: string): boolean {
  return answer.startsWith('HTTP/1.1 200 ') && /"Platform":\s*\{\s*"Name":\s*"Silo"\s*\}/.test(answer);
}

/** proc_pid_cmdline(5): a program of this name, from source or as one file, that was told to be the engine. */
async function isDaemon(pid: number): Promise<boolean> {
  const [line, program] = await Promise.all([
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
    readlink(`/proc/${pid}/exe`).catch(() => ''),
  ]);
  const words = line.split('\0');
  const entry = words.findIndex((word) => /^silo(\.[jt]s)?$/.test(basename(word)));
  const isOne = /^silo[\w.-]*( \(deleted\))?$/.test(basename(program));
  return (entry >= 0 || isOne) && words.slice(Math.max(entry, 0) + 1).includes('daemon');
}

async function end(pid: number, pidfd: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const deadline = setTimeout(
    () =>
      reject(
        timedOut(`the engine (process ${pid}) does not end`, {
          hint: `its log tells why; kill -9 ${pid} harms no container`,
        }),
      ),
    deadlineMs,
  );
  try {
    using reactor = createReactor();
    using _watch = watchExit(reactor, pidfd, resolve);
    if (sendSignal(pidfd, SIGTERM)) await promise;
  } catch (error) {
    if (!isErrno(error, 'EPERM')) throw error;
    throw forbidden(`the engine (process ${pid}) is another user's`, { cause: error, hint: 'use sudo' });
  } finally {
    clearTimeout(deadline);
  }
}
