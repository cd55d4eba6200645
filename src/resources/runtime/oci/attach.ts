import type { ContainerId } from '../../../foundation/base/ids.ts';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { conflict, notFound } from '../../../foundation/base/errors.ts';
import { connectSeqpacket, type Seqpacket } from '../../../foundation/kernel/seqpacket.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import type { Streams, StreamTarget, TerminalSize } from '../runtime.ts';
import type { Context } from './context.ts';
import type { MonitorPaths } from './layout.ts';
import { resizeTerminal } from './terminal-size.ts';
import { type ConnectionEnd, shareConnection, soleConnection } from './shared-connection.ts';

export function createStreams(context: Context): Streams {
  return {
    async attach(target, options) {
      const { socket, end } = await connect(context, target);
      return soleConnection(context.reactor, socket, end, options);
    },
    async attachTogether(id, clients) {
      if (clients.length === 0) return [];
      const { socket, end } = await connect(context, { id });
      return shareConnection(context.reactor, socket, end, clients);
    },
    resize: (target, size) => resize(context, target, size),
    renewLog: (id) => renewLog(context, id),
  };
}

interface Target extends ConnectionEnd {
  paths: MonitorPaths;
  terminal: boolean;
}

async function connect(
  context: Context,
  target: StreamTarget,
): Promise<{ socket: Seqpacket; end: ConnectionEnd }> {
  const end = findTarget(context, target);
  try {
    return { socket: await connectSeqpacket(context.reactor, end.paths.attachSocket), end };
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT', 'ECONNREFUSED')) throw cause;
    throw conflict(`container ${target.id} has ended, nothing can be attached`, {
      code: 'already-ended',
      cause,
    });
  }
}

function findTarget(context: Context, { id, execId }: StreamTarget): Target {
  if (execId === undefined) {
    const container = context.containers.get(id);
    if (!container) throw notFound(`container ${id} is not known to the runtime`);
    const paths = context.layout.container(id);
    const { terminal, stdin } = container.record;
    return {
      paths,
      terminal,
      pid: container.init.pid,
      anyEndClosesInput: stdin === 'once' && !terminal,
      ended: container.exit.promise,
    };
  }
  const exec = context.execs.get(execId);
  if (!exec) throw notFound(`exec ${execId} is not known to the runtime`);
  return {
    paths: context.layout.exec(id, execId),
    terminal: exec.terminal,
    pid: exec.pid,
    anyEndClosesInput: !exec.terminal,
    ended: exec.exit.promise,
  };
}

const largestCells = 1000;

async function resize(context: Context, target: StreamTarget, size: TerminalSize): Promise<void> {
  const { paths, terminal } = findTarget(context, target);
  if (!terminal) return;
  const cells = (count: number): number => Math.max(0, Math.min(largestCells, Math.trunc(count)));
  if (!resizeTerminal(paths, { rows: cells(size.rows), columns: cells(size.columns) }))
    throw conflict(`container ${target.id} has ended, its terminal cannot be resized`, {
      code: 'already-ended',
    });
}

/** conmon's `REOPEN_LOGS_EVENT` (ctrl.c): it makes a new file and renames it over the old, between two writes. */
function renewLog(context: Context, id: ContainerId): boolean {
  try {
    command(context.layout.container(id).controlPipe, '2 0 0');
    return true;
  } catch {
    return false;
  }
}

/** One line for conmon. Fails when nobody reads the pipe, or it is full. */
function command(controlPipe: string, line: string): void {
  const fd = openSync(controlPipe, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(fd, `${line}\n`);
  } finally {
    closeSync(fd);
  }
}
