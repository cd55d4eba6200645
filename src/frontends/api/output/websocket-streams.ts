import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Exchange } from '../../../foundation/http/http.ts';
import { openWebSocket, type WebSocketSession } from '../../../foundation/http/websocket.ts';
import type { OutputSink } from '../../../engine/container/container.ts';
import { since } from '../versions.ts';

/** As `HijackedStreams`, over a websocket: output is never framed, both streams come in one. */
export interface WebSocketStreams {
  /** What the client sends; ends when it closes, destroyed when it leaves. */
  readonly stdin: PassThrough;
  readonly sink: OutputSink;
  open(): void;
  end(): void;
}

export function createWebSocketStreams(
  exchange: Exchange,
  options: { minor: number; stdin: boolean },
): WebSocketStreams {
  const stdin = new PassThrough();
  let session: WebSocketSession | undefined;
  const take = (): WebSocketSession => {
    if (session) return session;
    session = openWebSocket(exchange, options.minor >= since.binaryWebSocket ? 'binary' : 'text');
    void listen(session.input);
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
  return {
    stdin,
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
