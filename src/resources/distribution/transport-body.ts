import type http from 'node:http';
import { timedOut } from '../../foundation/base/errors.ts';
import { connectionError } from './registry-errors.ts';

export interface TransportTimeouts {
  /** From the request to the end of the headers. */
  headersMs: number;
  /** Between two chunks of a body. */
  idleMs: number;
  /** A body must bring `bytes` in each `perMs` that we wait for it; our own slowness does not count. */
  pace?: { bytes: number; perMs: number };
}

/** Less than a telephone line gave: whoever is slower holds us up on purpose, or is as good as gone. */
const slowest = { bytes: 64 * 1024, perMs: 60_000 };

/** Writes with back-pressure: at most one piece waits in memory. */
export async function sendBody(
  client: http.ClientRequest,
  body: AsyncIterable<Uint8Array>,
  onSent: () => void,
): Promise<void> {
  for await (const piece of body) {
    if (client.destroyed) return;
    await new Promise<void>((resolveWrite, reject) => {
      const closed = (): void => reject(new Error('the connection was closed while sending'));
      client.once('close', closed);
      client.write(piece, (error) => {
        client.off('close', closed);
        if (error) reject(error);
        else resolveWrite();
      });
    });
    onSent();
  }
  client.end();
}

export async function* readBody(
  incoming: http.IncomingMessage,
  options: TransportTimeouts & { where: string; signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const { where, signal, idleMs, pace = slowest } = options;
  let waited = 0;
  let came = 0;
  const chunks = (incoming as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      // Only the wait for the network counts: a slow consumer is not the server's fault.
      const timer = setTimeout(
        () =>
          incoming.destroy(
            timedOut(`${where}: the server sent nothing for ${idleMs / 1000} s`, {
              code: 'connection-stalled',
            }),
          ),
        idleMs,
      );
      const begun = performance.now();
      const next = await chunks.next().finally(() => clearTimeout(timer));
      if (next.done) return;
      waited += performance.now() - begun;
      came += next.value.byteLength;
      if (waited >= pace.perMs) {
        if (came < pace.bytes) throw tooSlow(where, pace);
        waited = 0;
        came = 0;
      }
      yield next.value;
    }
  } catch (error) {
    throw connectionError(error, where, signal);
  } finally {
    // After a clean end the connection has gone back to the agent and this does nothing.
    if (!incoming.complete) incoming.destroy();
  }
}

function tooSlow(where: string, { bytes, perMs }: { bytes: number; perMs: number }): Error {
  return timedOut(`${where}: the server sent less than ${bytes} bytes in ${perMs / 1000} s`, {
    code: 'connection-stalled',
    hint: 'the registry, or the way to it, is too slow; try later',
  });
}

export function drain(incoming: http.IncomingMessage, limitMs: number): void {
  const size = Number(incoming.headers['content-length'] ?? Infinity);
  if (incoming.readableFlowing !== null || !(size <= 64 * 1024)) {
    incoming.destroy();
    return;
  }
  const timer = setTimeout(() => incoming.destroy(), limitMs);
  incoming.once('close', () => clearTimeout(timer));
  incoming.resume();
}
