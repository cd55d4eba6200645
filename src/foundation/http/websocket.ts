import { createHash } from 'node:crypto';
import { invalid } from '../base/errors.ts';
import type { Exchange } from './http.ts';
import {
  closeCodes,
  createFrameReader,
  type FrameEvent,
  formatFrameHeader,
  FrameViolation,
} from './websocket-frames.ts';

/** The server's side of a websocket (RFC 6455) that carries bytes: borders of messages mean nothing. */
export interface WebSocketSession {
  /**
   * What the client sends, in pieces. Ends when the client closes; a client that breaks the rules is closed with the code for it, and the iteration
   * fails: that is no end of what it wanted to say. Pings are answered while it is being read.
   */
  readonly input: AsyncIterable<Buffer>;
  /** One message. False asks the writer to wait for `drained`. */
  send(chunk: Uint8Array): boolean;
  drained(): Promise<void>;
  /** Says goodbye and closes the connection; later calls do nothing. */
  close(): void;
}

/** Kind `invalid` unless the request asks for a websocket of the version that there is. */
export function checkWebSocketRequest({ headers, method }: Pick<Exchange, 'headers' | 'method'>): void {
  if (method !== 'GET' || headers.upgrade?.toLowerCase() !== 'websocket')
    throw invalid('not websocket protocol', { code: 'not-websocket' });
  if (headers['sec-websocket-version'] !== '13')
    throw invalid('missing or bad WebSocket Version', { code: 'bad-websocket-version' });
  if (!/^[A-Za-z0-9+/]{22}==$/.test(keyOf(headers)))
    throw invalid('mismatch challenge/response', { code: 'bad-websocket-key' });
}

const keyOf = (headers: Exchange['headers']): string => headers['sec-websocket-key'] ?? '';

/** RFC 6455, section 1.3. */
const handshakeId = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Answers the handshake of a checked request. Messages of ours have the given kind. */
export function openWebSocket(exchange: Exchange, payload: 'text' | 'binary'): WebSocketSession {
  const accept = createHash('sha1')
    .update(keyOf(exchange.headers) + handshakeId)
    .digest('base64');
  exchange.setHeader('Sec-WebSocket-Accept', accept);
  const offered = exchange.headers['sec-websocket-protocol'];
  // Browsers give up when the only protocol that they offered is not taken.
  if (offered !== undefined && /^[\w.-]{1,100}$/.test(offered))
    exchange.setHeader('Sec-WebSocket-Protocol', offered);
  const { input, output } = exchange.upgrade('websocket');
  let isClosed = false;
  const closeWith = (goodbye: Buffer): void => {
    if (isClosed) return;
    isClosed = true;
    output.write(Buffer.concat([formatFrameHeader('close', goodbye.length), goodbye]));
    output.end();
  };
  const answer = async (event: FrameEvent): Promise<Buffer | undefined> => {
    if (event.kind === 'data') return event.bytes;
    if (event.kind === 'close') closeWith(event.payload.subarray(0, 2));
    else if (!isClosed) {
      const pong = Buffer.concat([formatFrameHeader('pong', event.payload.length), event.payload]);
      // Who pings without reading waits, and so does its input.
      if (!output.write(pong)) await output.drained();
    }
    return undefined;
  };
  async function* read(): AsyncGenerator<Buffer> {
    const reader = createFrameReader();
    try {
      for await (const chunk of input)
        for (const event of reader.push(chunk as Buffer)) {
          const bytes = await answer(event);
          if (bytes) yield bytes;
          if (event.kind === 'close') return;
        }
    } catch (error) {
      if (!(error instanceof FrameViolation)) throw error;
      closeWith(codeBytes(error.closeCode));
      // The goodbye has left; nothing of such a client is waited for.
      setImmediate(() => exchange.destroy());
      throw error;
    }
  }
  return {
    input: read(),
    send: (chunk) =>
      isClosed || output.write(Buffer.concat([formatFrameHeader(payload, chunk.byteLength), chunk])),
    drained: () => output.drained(),
    close: () => closeWith(codeBytes(closeCodes.normal)),
  };
}

function codeBytes(code: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(code);
  return bytes;
}
