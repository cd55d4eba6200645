import { randomInt } from 'node:crypto';
import { connect } from 'node:net';
import { connectDatagrams, type ConnectedDatagrams } from '../../../foundation/kernel/namespace-sockets.ts';
import { questionBytes } from './answer.ts';
import { createFrameReader, frame } from './tcp-frames.ts';

/** Asks servers of the world on behalf of containers. */
export interface Forwarder extends Disposable {
  /**
   * The first good answer of the servers, which are asked at the same time; undefined when none came in time. A server that fails does not end the wait
   * for the others. Bytes carry the id of the query.
   */
  ask(
    query: Uint8Array,
    servers: readonly string[],
    transport: 'udp' | 'tcp',
  ): Promise<Uint8Array | undefined>;
}

/** After the first of these a question that was lost is sent again; the last ends it. Libraries in containers give up after 5 s. */
const defaultAttemptsMs: readonly number[] = [1_000, 3_000];
const dnsPort = 53;
const headerBytes = 12;
/** After so many questions a socket gives way to one with another port: whoever forges answers must guess both. */
const questionsPerSocket = 200;
/**
 * A socket that stayed without an answer gives way too, at most this often: it may have been made before the host had a route, or have the address of a
 * network that the host has left.
 */
const defaultSilentSocketMs = 2_000;
/** Questions under way in all; beyond it new ones fail at once. */
const maximumPending = 4_000;
const serverFailureCode = 2;
const refusedCode = 5;

interface Upstream {
  sockets: Promise<ConnectedDatagrams>;
  used: number;
  madeAtMs: number;
  /** Of the present socket and of older ones with questions open, by id. */
  pending: Map<number, Pending>;
}

interface Pending {
  question: Buffer;
  settle: (answer: Uint8Array | undefined) => void;
}

/** `port` and the times are those of the world; tests have their own. */
export function createForwarder(
  options: { port?: number; attemptsMs?: readonly number[]; silentSocketMs?: number } = {},
): Forwarder {
  const { port = dnsPort, attemptsMs = defaultAttemptsMs, silentSocketMs = defaultSilentSocketMs } = options;
  const upstreams = new Map<string, Upstream>();
  let open = 0;

  const socketOf = (server: string): Upstream => {
    const known = upstreams.get(server);
    if (known && known.used++ < questionsPerSocket) return known;
    const pending = new Map<number, Pending>();
    const fresh: Upstream = {
      used: 1,
      madeAtMs: performance.now(),
      pending,
      sockets: connectDatagrams(
        { address: server, port },
        {
          data: (bytes) => onAnswer(pending, bytes),
          unreachable: () => {
            for (const { settle } of pending.values()) settle(undefined);
          },
        },
      ),
    };
    upstreams.set(server, fresh);
    if (known) closeLater(known, attemptsMs);
    return fresh;
  };

  const askOne = async (query: Buffer, server: string): Promise<Uint8Array | undefined> => {
    for (const timeoutMs of attemptsMs) {
      const upstream = socketOf(server);
      const answer = await askOnce(query, upstream, timeoutMs).catch(() => undefined);
      if (answer !== undefined) return answer;
      if (performance.now() - upstream.madeAtMs > silentSocketMs) upstream.used = questionsPerSocket;
    }
    return undefined;
  };

  return {
    async ask(query, servers, transport) {
      if (open >= maximumPending || servers.length === 0) return undefined;
      open++;
      try {
        const bytes = Buffer.from(query);
        const answers = servers.map((server) =>
          (transport === 'udp'
            ? askOne(bytes, server)
            : askByTcp(bytes, { host: server, port, timeoutMs: attemptsMs.at(-1) ?? 0 })
          ).catch(() => undefined),
        );
        return await firstGood(answers);
      } finally {
        open--;
      }
    },
    [Symbol.dispose]() {
      for (const { sockets } of upstreams.values())
        void sockets.then((socket) => socket[Symbol.dispose]()).catch(() => undefined);
      upstreams.clear();
    },
  };
}

/** Questions that are still open on it may yet be answered. */
function closeLater({ sockets }: Upstream, attemptsMs: readonly number[]): void {
  setTimeout(
    () => void sockets.then((socket) => socket[Symbol.dispose]()).catch(() => undefined),
    attemptsMs.reduce((sum, ms) => sum + ms, 0),
  ).unref();
}

async function askOnce(
  query: Buffer,
  upstream: Upstream,
  timeoutMs: number,
): Promise<Uint8Array | undefined> {
  const socket = await upstream.sockets;
  const id = freeId(upstream.pending);
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const timer = setTimeout(() => resolve(undefined), timeoutMs);
  upstream.pending.set(id, {
    question: query.subarray(headerBytes, headerBytes + questionBytes(query)),
    settle: resolve,
  });
  try {
    const packet = Buffer.from(query);
    packet.writeUInt16BE(id, 0);
    socket.send(packet);
    const answer = await promise;
    return answer && withId(answer, query.readUInt16BE(0));
  } finally {
    clearTimeout(timer);
    upstream.pending.delete(id);
  }
}

function freeId(pending: ReadonlyMap<number, unknown>): number {
  for (;;) {
    const id = randomInt(0x10000);
    if (!pending.has(id)) return id;
  }
}

/** Only what answers a question that is open, by id and by words (RFC 5452, 9.1; the port and the sender are the kernel's to check). */
function onAnswer(pending: ReadonlyMap<number, Pending>, bytes: Uint8Array): void {
  const answer = Buffer.from(bytes);
  const id = answer.length < headerBytes ? -1 : answer.readUInt16BE(0);
  const asked = pending.get(id);
  if (asked && answers(answer, { id, question: asked.question })) asked.settle(answer);
}

/** A failure may come without the question. */
function answers(answer: Buffer, asked: { id: number; question: Buffer }): boolean {
  if (answer.length < headerBytes || (answer.readUInt16BE(2) & 0x8000) === 0) return false;
  if (answer.readUInt16BE(0) !== asked.id) return false;
  const question = answer.subarray(headerBytes, headerBytes + questionBytes(answer));
  return question.length > 0 ? sameQuestion(question, asked.question) : codeOf(answer) !== 0;
}

/** Names are compared without regard to case, as servers may change it. */
function sameQuestion(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && a.toString('latin1').toLowerCase() === b.toString('latin1').toLowerCase();
}

const codeOf = (answer: Uint8Array): number => (answer[3] ?? 0) & 0x0f;

function withId(answer: Uint8Array, id: number): Uint8Array {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
  bytes.writeUInt16BE(id, 0);
  return bytes;
}

async function askByTcp(
  query: Buffer,
  server: { host: string; port: number; timeoutMs: number },
): Promise<Uint8Array | undefined> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const socket = connect({ host: server.host, port: server.port });
  const timer = setTimeout(() => resolve(undefined), server.timeoutMs);
  const question = query.subarray(headerBytes, headerBytes + questionBytes(query));
  const reader = createFrameReader({
    message(message) {
      const answer = Buffer.from(message);
      if (answers(answer, { id: query.readUInt16BE(0), question })) resolve(answer);
    },
  });
  socket.on('connect', () => socket.write(frame(query)));
  socket.on('data', (bytes: Buffer) => reader.push(bytes));
  socket.on('error', () => resolve(undefined));
  socket.on('close', () => resolve(undefined));
  try {
    const answer = await promise;
    return answer;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** The first answer that is no failure; with none, a failure that came; with none of those, nothing. */
function firstGood(answers: readonly Promise<Uint8Array | undefined>[]): Promise<Uint8Array | undefined> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  let left = answers.length;
  let failed: Uint8Array | undefined;
  for (const answer of answers)
    void answer.then((bytes) => {
      left--;
      if (bytes && codeOf(bytes) !== serverFailureCode && codeOf(bytes) !== refusedCode) resolve(bytes);
      else failed ??= bytes;
      if (left === 0) resolve(failed);
    });
  return promise;
}
