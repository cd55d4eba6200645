import { judge, serverFailure, type Transport } from './answer.ts';
import type { Forwarder } from './forwarder.ts';
import type { NameTable } from './name-table.ts';

/** Answers the questions of one container. */
export interface Questions {
  /** Calls back at once, later, or never (for what is no question). */
  answer(query: Uint8Array, transport: Transport, send: (bytes: Uint8Array) => void): void;
}

const keptAnswers = 1_000;
/** Of a question whose answer is kept: whoever asks must not fill the memory that all share with long ones. */
const longestKeptBytes = 512;
/** Questions of one container that wait for servers: a flood of one must not use up what all share. */
const maximumWaiting = 256;

export function createQuestions(table: NameTable, forwarder: Forwarder, containerId: string): Questions {
  /** Answers by the bytes of the question behind its id: most programs ask the same few things again and again. */
  const kept = new Map<string, Uint8Array>();
  let keptFor = -1;
  let turn = 0;
  let waiting = 0;

  const forward = async (query: Buffer, transport: Transport): Promise<Uint8Array> => {
    const servers = table.find(containerId)?.upstreams ?? [];
    if (waiting >= maximumWaiting) return serverFailure(query);
    waiting++;
    try {
      return (await forwarder.ask(query, servers, transport)) ?? serverFailure(query);
    } finally {
      waiting--;
    }
  };

  return {
    answer(query, transport, send) {
      if (keptFor !== table.generation) {
        kept.clear();
        keptFor = table.generation;
      }
      const mayKeep = transport === 'udp' && query.byteLength <= longestKeptBytes;
      const key = mayKeep
        ? Buffer.from(query.buffer, query.byteOffset, query.byteLength).toString('latin1', 2)
        : '';
      const known = mayKeep ? kept.get(key) : undefined;
      if (known) {
        known[0] = query[0] ?? 0;
        known[1] = query[1] ?? 0;
        send(known);
        return;
      }
      const verdict = judge(table, containerId, query, { transport, turn: turn++ });
      if (verdict.kind === 'drop') return;
      if (verdict.kind === 'reply') {
        if (verdict.cacheable && mayKeep && kept.size < keptAnswers) kept.set(key, verdict.bytes);
        send(verdict.bytes);
        return;
      }
      // The bytes are only ours during this call.
      void forward(Buffer.from(query), transport).then(send);
    },
  };
}
