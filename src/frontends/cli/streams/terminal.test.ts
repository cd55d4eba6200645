import { expect, test } from 'bun:test';
import { PassThrough, Readable } from 'node:stream';
import type { CliIo } from '../io.ts';
import { forwardSignals } from './terminal.ts';

test('signals go on to the container; who interrupts again and again is told why nothing happens', () => {
  const listeners = new Map<string, (name: NodeJS.Signals) => void>();
  const stderr = new PassThrough();
  const io: CliIo = {
    stdin: Readable.from([]),
    stdout: new PassThrough(),
    stderr,
    env: {},
    cwd: '/',
    onSignal(name, listener) {
      listeners.set(name, listener);
      return { [Symbol.dispose]: () => void listeners.delete(name) };
    },
    now: () => 0,
  };
  const sent: string[] = [];
  const forwarding = forwardSignals(io, async (signal) => void sent.push(signal));
  const interrupt = (): void => listeners.get('SIGINT')?.('SIGINT');
  interrupt();
  interrupt();
  expect(stderr.read()).toBeNull();
  interrupt();
  interrupt();
  expect(sent).toEqual(['INT', 'INT', 'INT', 'INT']);
  expect(String(stderr.read()).match(/Hint: the program takes no notice/g)).toHaveLength(1);
  forwarding[Symbol.dispose]();
  expect(listeners.size).toBe(0);
});
