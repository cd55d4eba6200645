import type { Writable } from 'node:stream';
import { createFrameDecoder } from '../../foundation/wire/raw-stream.ts';
import type { StdStream } from '../../foundation/wire/raw-stream.ts';
import type { Connection } from './connection.ts';
import { errorOfAbort } from './errors.ts';
import type { ResponseHead } from './http.ts';

/** A connection that became a stream both ways (attach, exec). */
export interface StreamConnection extends Disposable {
  /** Goes to stdin; `end()` closes that direction only. */
  readonly input: Writable;
  /** Whether the server says that output is framed; undefined when it does not say (API below 1.42). */
  readonly multiplexed: boolean | undefined;
  /** Output as it comes. To be used once, and not together with `demultiplex`. */
  output(): AsyncIterable<Buffer>;
  /** Splits framed output; resolves at its end. A sink's promise is waited for before more is read. */
  demultiplex(sink: OutputSink): Promise<void>;
}

export type OutputSink = (stream: StdStream, piece: Uint8Array) => Promise<void> | undefined;

export function createStreamConnection(
  connection: Connection,
  head: ResponseHead,
  signal: AbortSignal | undefined,
): StreamConnection {
  const { socket, reader } = connection;
  const onAbort = (): void => {
    socket.destroy(new Error('aborted'));
  };
  signal?.addEventListener('abort', onAbort, { once: true });

  async function* output(): AsyncGenerator<Buffer, void, void> {
    try {
      for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) yield chunk;
    } catch (error) {
      if (signal?.aborted === true) throw errorOfAbort(signal);
      // A reset after the peer sent everything is an end: the exit code comes by another way.
      if (!isReset(error)) throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  return {
    input: socket,
    multiplexed: multiplexing(head.headers.get('content-type')),
    output,
    demultiplex: (sink) => demultiplex(output(), sink),
    [Symbol.dispose]: () => {
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
    },
  };
}

/** Splits framed bytes, for hijacked connections and for `logs`. */
export async function demultiplex(output: AsyncIterable<Buffer>, sink: OutputSink): Promise<void> {
  let waiting: Promise<void>[] = [];
  const decoder = createFrameDecoder((stream, piece) => {
    const taken = sink(stream, piece);
    if (taken) waiting.push(taken);
  });
  for await (const chunk of output) {
    decoder.push(chunk);
    if (waiting.length === 0) continue;
    await Promise.all(waiting);
    waiting = [];
  }
}

export function multiplexing(contentType: string | undefined): boolean | undefined {
  if (contentType === 'application/vnd.docker.multiplexed-stream') return true;
  // Before API 1.42 framed streams had the raw type too, so it proves nothing.
  return undefined;
}

function isReset(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    (error.code === 'ECONNRESET' || error.code === 'EPIPE')
  );
}
