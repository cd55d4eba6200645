import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Exchange } from '../../../foundation/http/http.ts';
import { openWebSocket, type WebSocketSession } from '../../../foundation/http/websocket.ts';
import type { OutputSink } from '../../../engine/container/container.ts';
import { since } from '../versions.ts';

/** As `HijackedStreams`, over a websocket: output is never framed, both streams come in one. */
export interface WebSocketStreams {
  /** What the client sends; ends when it closes, destroyed when it leaves. */
  readonly stdin: PassThrough;
  readonly sink: OutputSink;
  /** Aborts when the client is gone and what it sent before was taken. */
  readonly gone: AbortSignal;
  open(): void;
  end(): void;
}

/** For a process that does not read what a client sent before it left. */
const lastWordsMs = 5_000;

export function createWebSocketStreams(
  exchange: Exchange,
  options: { minor: number; stdin: boolean },
): WebSocketStreams {
  const stdin = new PassThrough();
  const gone = new AbortController();
  let session: WebSocketSession | undefined;
  let listening = Promise.resolve();
  const take = (): WebSocketSession => {
    if (session) return session;
    session = openWebSocket(exchange, options.minor >= since.binaryWebSocket ? 'binary' : 'text');
    listening = listen(session.input);
    return session;
  };
  const listen = async (input: AsyncIterable<Buffer>): Promise<void> => {
    try {
      if (options.stdin) await pipeline(input, stdin);
      else for await (const _bytes of input);
    } catch {
      // It left without a word: the exchange's signal tells.
    }
  };
  /** Clients close the connection right behind the goodbye that ends the input. */
  const lastWordsTaken = async (): Promise<void> => {
    await listening;
    const isRead = stdin.listenerCount('readable') > 0;
    if (isRead && !stdin.closed) await once(stdin, 'close');
    await nextTurn();
  };
  const leave = (): void => gone.abort(exchange.signal.reason);
  exchange.signal.addEventListener(
    'abort',
    () => {
      const timer = setTimeout(leave, lastWordsMs);
      void lastWordsTaken()
        .catch(() => undefined)
        .then(() => clearTimeout(timer))
        .then(leave);
    },
    { once: true },
  );
  return {
    stdin,
    gone: gone.signal,
    sink: {
      write: (_stream, chunk) => take().send(chunk),
      drained: () => take().drained(),
    },
    open: () => void take(),
    end() {
      take().close();
      stdin.destroy();
    },
  };
}
