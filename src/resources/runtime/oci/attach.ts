import type { ContainerId } from '../../../foundation/base/ids.ts';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { conflict, notFound } from '../../../foundation/base/errors.ts';
import { watchPid } from '../../../foundation/kernel/pidfd.ts';
import type { Reactor } from '../../../foundation/kernel/reactor.ts';
import { connectSeqpacket, type Seqpacket } from '../../../foundation/kernel/seqpacket.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import type { AttachedStreams, AttachOptions, Streams, StreamTarget, TerminalSize } from '../runtime.ts';
import type { Context } from './context.ts';

/** conmon reads at most 32 KiB of a packet and drops the rest (conn_sock.c). */
const largestInputBytes = 16 * 1024;
/** What is kept for a client that does not read while its process has ended; the rest is dropped for it. */
const largestBacklogBytes = 8 * 1024 * 1024;
const stderrPacket = 3;

export function createStreams(context: Context): Streams {
  return {
    attach: (target, options) => attach(context, target, options),
    resize: (target, size) => resize(context, target, size),
    renewLog: (id) => renewLog(context, id),
  };
}

interface Target {
  socket: string;
  controlPipe: string;
  terminal: boolean;
  pid: number;
  /** conmon takes the end of any client as the end of stdin. */
  anyEndClosesInput: boolean;
  ended: Promise<unknown>;
}

async function attach(
  context: Context,
  target: StreamTarget,
  options: AttachOptions = {},
): Promise<AttachedStreams> {
  const found = findTarget(context, target);
  try {
    const socket = await connectSeqpacket(context.reactor, found.socket);
    return wrapAttached(context.reactor, socket, found, options.input ?? true);
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
    const { attachSocket, controlPipe } = context.layout.container(id);
    const { terminal, stdin } = container.record;
    return {
      socket: attachSocket,
      controlPipe,
      terminal,
      pid: container.init.pid,
      anyEndClosesInput: stdin === 'once' && !terminal,
      ended: container.exit.promise,
    };
  }
  const exec = context.execs.get(execId);
  if (!exec) throw notFound(`exec ${execId} is not known to the runtime`);
  const { attachSocket, controlPipe } = context.layout.exec(id, execId);
  return {
    socket: attachSocket,
    controlPipe,
    terminal: exec.terminal,
    pid: exec.pid,
    anyEndClosesInput: !exec.terminal,
    ended: exec.exit.promise,
  };
}

/**
 * A client that pauses holds conmon back and with it the program, as with Docker. Once the program has ended its rest is read into memory
 * instead: conmon must get to reporting the end, whatever a client does.
 */
export function wrapAttached(
  reactor: Reactor,
  socket: Seqpacket,
  target: Pick<Target, 'pid' | 'anyEndClosesInput' | 'ended'>,
  input: boolean,
): AttachedStreams {
  const state = { paused: false, processEnded: false, backlogBytes: 0 };
  const backlog: Buffer[] = [];
  let listener: ((stream: 'stdout' | 'stderr', chunk: Uint8Array) => boolean) | undefined;
  let endWatch: Disposable | undefined;
  const drained = Promise.withResolvers<void>();

  const deliver = (packet: Buffer): void => {
    const stream = packet[0] === stderrPacket ? 'stderr' : 'stdout';
    if (listener?.(stream, packet.subarray(1)) === false) pause();
  };
  const pause = (): void => {
    state.paused = true;
    if (state.processEnded) return;
    socket.pause();
    endWatch ??= watchPid(reactor, target.pid, absorb);
    if (!endWatch) absorb();
  };
  const absorb = (): void => {
    state.processEnded = true;
    socket.resume();
  };
  const receive = (packet: Buffer): void => {
    if (!state.paused) return deliver(packet);
    if (state.backlogBytes + packet.length > largestBacklogBytes) return;
    state.backlogBytes += packet.length;
    backlog.push(packet);
  };
  const resume = (): void => {
    state.paused = false;
    while (!state.paused && backlog.length > 0) {
      const packet = backlog.shift();
      state.backlogBytes -= packet?.length ?? 0;
      if (packet) deliver(packet);
    }
    if (state.paused) return;
    socket.resume();
    if (closed) drained.resolve();
  };
  let closed = false;
  void socket.closed.then(() => {
    closed = true;
    if (backlog.length === 0) drained.resolve();
  });

  return {
    closed: drained.promise,
    onOutput(wanted) {
      listener = wanted;
      socket.onPacket(receive);
    },
    resume,
    async write(chunk) {
      for (let start = 0; start < chunk.length; start += largestInputBytes)
        await socket.send(chunk.subarray(start, start + largestInputBytes));
    },
    endInput: () => socket.endWrites(),
    [Symbol.dispose]() {
      endWatch?.[Symbol.dispose]();
      listener = undefined;
      drained.resolve();
      // Leaving as a mere reader must not end the stdin that others write to: its connection stays, unread output is thrown away.
      if (!input && target.anyEndClosesInput && !closed) {
        state.paused = false;
        backlog.length = 0;
        socket.onPacket(() => undefined);
        void target.ended.finally(() => socket[Symbol.dispose]());
      } else socket[Symbol.dispose]();
    },
  };
}

const largestCells = 1000;

/** ctrl.c: message 1 is a window size; sizes above 1000 are refused by conmon. */
async function resize(context: Context, target: StreamTarget, size: TerminalSize): Promise<void> {
  const { controlPipe, terminal } = findTarget(context, target);
  if (!terminal) return;
  const cells = (count: number): number => Math.max(0, Math.min(largestCells, Math.trunc(count)));
  try {
    command(controlPipe, `1 ${cells(size.rows)} ${cells(size.columns)}`);
  } catch (cause) {
    throw conflict(`container ${target.id} has ended, its terminal cannot be resized`, {
      code: 'already-ended',
      cause,
    });
  }
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
