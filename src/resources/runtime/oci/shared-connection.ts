import { internal } from '../../../foundation/base/errors.ts';
import { watchPid } from '../../../foundation/kernel/pidfd.ts';
import type { Reactor } from '../../../foundation/kernel/reactor.ts';
import type { Seqpacket } from '../../../foundation/kernel/seqpacket.ts';
import type { AttachedStreams, AttachOptions } from '../runtime.ts';

/** conmon reads at most 32 KiB of a packet and drops the rest (conn_sock.c). */
const largestInputBytes = 16 * 1024;
/** What is kept for a client that does not read while its process has ended; the rest is dropped for it. */
const largestBacklogBytes = 8 * 1024 * 1024;
const stderrPacket = 3;

/** The process at the other end. */
export interface ConnectionEnd {
  pid: number;
  /** conmon takes the end of any connection as the end of stdin. */
  anyEndClosesInput: boolean;
  ended: Promise<unknown>;
}

/**
 * Streams for each of the clients over one connection to conmon. It accepts one connection in each turn of its loop, and reads output in the
 * same turn: of several that were made before the program started the later ones may miss its first output, or all of it.
 *
 * A client that pauses holds conmon back, and with it the program and the other clients, as with Docker. Once the program has ended its rest is read
 * into memory instead: conmon must get to reporting the end, whatever a client does.
 */
export function shareConnection(
  reactor: Reactor,
  socket: Seqpacket,
  end: ConnectionEnd,
  clients: readonly AttachOptions[],
): AttachedStreams[] {
  let processEnded = false;
  let closed = false;
  let listening = false;
  let endWatch: Disposable | undefined;
  const members = new Set<Member>();

  const absorb = (): void => {
    processEnded = true;
    socket.resume();
  };
  const connection: Connection = {
    hold() {
      if (processEnded) return;
      socket.pause();
      endWatch ??= watchPid(reactor, end.pid, absorb);
      if (!endWatch) absorb();
    },
    release() {
      if (processEnded || ![...members].some((member) => member.isPaused())) socket.resume();
    },
    listened() {
      // Listening again would read on, past who holds it.
      if (listening || ![...members].every((member) => member.listens())) return;
      listening = true;
      socket.onPacket((packet) => {
        for (const member of members) member.receive(packet);
      });
    },
    isClosed: () => closed,
    async write(chunk) {
      for (let start = 0; start < chunk.length; start += largestInputBytes)
        await socket.send(chunk.subarray(start, start + largestInputBytes));
    },
    endInput(member) {
      member.input = false;
      if (end.anyEndClosesInput || ![...members].some(({ input }) => input)) socket.endWrites();
    },
    leave(member) {
      members.delete(member);
      const { input } = member;
      if (members.size > 0) {
        if (input && end.anyEndClosesInput) socket.endWrites();
        connection.listened();
        return connection.release();
      }
      endWatch?.[Symbol.dispose]();
      // Leaving as a mere reader must not end the stdin that others write to: its connection stays, unread output is thrown away.
      if (!wrote && !input && end.anyEndClosesInput && !closed) {
        socket.onPacket(() => undefined);
        void end.ended.finally(() => socket[Symbol.dispose]());
      } else socket[Symbol.dispose]();
    },
  };
  const wrote = clients.some(({ input = true }) => input);
  for (const { input = true } of clients) members.add(createMember(connection, input));
  const all = [...members];
  void socket.closed.then(() => {
    closed = true;
    for (const member of all) member.settle();
  });
  return all.map(({ streams }) => streams);
}

/** The same for a client alone. */
export function soleConnection(
  reactor: Reactor,
  socket: Seqpacket,
  end: ConnectionEnd,
  client: AttachOptions = {},
): AttachedStreams {
  const [streams] = shareConnection(reactor, socket, end, [client]);
  if (!streams) throw internal('one client has one stream');
  return streams;
}

interface Connection {
  hold(): void;
  /** Reads on, unless somebody else holds it. */
  release(): void;
  /** A member listens: nothing is read before all do. */
  listened(): void;
  isClosed(): boolean;
  write(chunk: Uint8Array): Promise<void>;
  endInput(member: Member): void;
  leave(member: Member): void;
}

interface Member {
  /** May still write. */
  input: boolean;
  listens(): boolean;
  isPaused(): boolean;
  receive(packet: Buffer): void;
  /** The connection is closed. */
  settle(): void;
  streams: AttachedStreams;
}

function createMember(connection: Connection, input: boolean): Member {
  const backlog: Buffer[] = [];
  const state = { paused: false, left: false, backlogBytes: 0 };
  let listener: ((stream: 'stdout' | 'stderr', chunk: Uint8Array) => boolean) | undefined;
  const drained = Promise.withResolvers<void>();

  const deliver = (packet: Buffer): void => {
    const stream = packet[0] === stderrPacket ? 'stderr' : 'stdout';
    if (listener?.(stream, packet.subarray(1)) !== false) return;
    state.paused = true;
    connection.hold();
  };
  const member: Member = {
    input,
    listens: () => listener !== undefined,
    isPaused: () => state.paused,
    receive(packet) {
      if (!state.paused) return deliver(packet);
      if (state.backlogBytes + packet.length > largestBacklogBytes) return;
      state.backlogBytes += packet.length;
      backlog.push(packet);
    },
    settle() {
      if (backlog.length === 0) drained.resolve();
    },
    streams: {
      closed: drained.promise,
      onOutput(wanted) {
        listener = wanted;
        connection.listened();
      },
      resume() {
        state.paused = false;
        while (!state.paused && backlog.length > 0) {
          const packet = backlog.shift();
          state.backlogBytes -= packet?.length ?? 0;
          if (packet) deliver(packet);
        }
        if (state.paused) return;
        connection.release();
        if (connection.isClosed()) drained.resolve();
      },
      write: (chunk) => connection.write(chunk),
      endInput: () => connection.endInput(member),
      [Symbol.dispose]() {
        if (state.left) return;
        state.left = true;
        state.paused = false;
        listener = undefined;
        backlog.length = 0;
        drained.resolve();
        connection.leave(member);
      },
    },
  };
  return member;
}
