import { internal } from '../../foundation/base/errors.ts';
import type { Exchange } from '../../foundation/http/http.ts';
import type { Answer, AnswerContent } from './call.ts';

/** Bytes of the answer's body that left for the client, as far as they did. */
export interface Sent {
  bytesOut: number;
}

export async function sendAnswer(
  exchange: Exchange,
  { status, headers, content }: Answer,
  sent: Sent,
): Promise<void> {
  for (const [name, value] of Object.entries(headers ?? {})) exchange.setHeader(name, value);
  const text = (type: string, data: string | Uint8Array): void => {
    exchange.send(status, { type, data });
    if (exchange.method !== 'HEAD') sent.bytesOut += Buffer.byteLength(data);
  };
  switch (content?.kind) {
    case undefined:
      return exchange.send(status);
    case 'json':
      return text(content.type ?? 'application/json', `${JSON.stringify(content.json)}\n`);
    case 'bytes':
      return text(content.type, content.bytes);
    case 'length':
      return exchange.sendHead(status, content.type, content.sizeBytes);
    case 'blob':
      return sendBlob(exchange, { status, ...content }, sent);
  }
}

async function sendBlob(
  exchange: Exchange,
  { status, blob, type, start, end }: AnswerContent & { kind: 'blob' } & Pick<Answer, 'status'>,
  sent: Sent,
): Promise<void> {
  await using opened = blob;
  if (opened.content.kind === 'file') {
    sent.bytesOut += await exchange.sendFile(status, type, { file: opened.content.file, start, end });
    return;
  }
  exchange.setHeader('Content-Length', String(end - start));
  const output = exchange.stream(status, type);
  let left = end - start;
  for await (const chunk of opened.content.read(start, end) as AsyncIterable<Uint8Array>) {
    if (exchange.signal.aborted) return;
    left -= chunk.byteLength;
    if (!output.write(chunk)) await output.drained();
    if (!exchange.signal.aborted) sent.bytesOut += chunk.byteLength;
  }
  if (left !== 0)
    throw internal(`${opened.digest} ended after ${end - start - left} of ${end - start} bytes`);
  output.end();
}
