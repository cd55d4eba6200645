import { expect, test } from 'bun:test';
import { createReactor } from '../../../foundation/kernel/reactor.ts';
import type { Seqpacket } from '../../../foundation/kernel/seqpacket.ts';
import { shareConnection } from './shared-connection.ts';

/** As the real one: to listen is to read on. */
function fakeSocket() {
  const nobody: (packet: Buffer) => void = () => undefined;
  const state = { flowing: false, deliver: nobody };
  const socket: Seqpacket = {
    onPacket(listener) {
      state.deliver = listener;
      state.flowing = true;
    },
    pause: () => void (state.flowing = false),
    resume: () => void (state.flowing = true),
    send: () => Promise.resolve(),
    endWrites: () => undefined,
    closed: new Promise(() => undefined),
    [Symbol.dispose]: () => undefined,
  };
  return { state, socket };
}

test('a client that paused holds the output back also when another leaves', () => {
  using reactor = createReactor();
  const { state, socket } = fakeSocket();
  const end = { pid: process.pid, anyEndClosesInput: false, ended: new Promise(() => undefined) };
  const [slow, other] = shareConnection(reactor, socket, end, [{}, {}]);
  if (!slow || !other) throw new Error('no streams');
  slow.onOutput(() => false);
  expect(state.flowing).toBe(false);
  other.onOutput(() => true);
  expect(state.flowing).toBe(true);
  state.deliver(Buffer.from('\u0002first'));
  expect(state.flowing).toBe(false);
  other[Symbol.dispose]();
  expect(state.flowing).toBe(false);
  slow.resume();
  expect(state.flowing).toBe(true);
  slow[Symbol.dispose]();
});
