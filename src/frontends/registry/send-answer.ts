import { internal } from '../../foundation/base/errors.ts';
import type { Exchange } from '../../foundation/http/http.ts';
import type { Answer, AnswerContent } from './call.ts';

/** Sends it and resolves to the number of bytes of its body. */
export async function sendAnswer(exchange: Exchange, { status, headers, content }: Answer): Promise<number> {
  for (const [name, value] of Object.entries(headers ?? {})) exchange.setHeader(name, value);
  const length = await sendContent(exchange, status, content);
  return exchange.method === 'HEAD' ? 0 : length;
}

async function sendContent(
  exchange: Exchange,
  status: number,
  content: AnswerContent | undefined,
): Promise<number> {
  switch (content?.kind) {
    case undefined:
      exchange.send(status);
      return 0;
    case 'json': {
      const data = `${JSON.stringify(content.json)}\n`;
      exchange.send(status, { type: content.type ?? 'application/json', data });
      return Buffer.byteLength(data);
    }
    case 'bytes':
      exchange.send(status, { type: content.type, data: content.bytes });
      return Buffer.byteLength(content.bytes);
    case 'length':
      exchange.sendHead(status, content.type, content.sizeBytes);
      return 0;
    case 'blob':
      return sendBlob(exchange, status, content);
  }
}

async function sendBlob(
  exchange: Exchange,
  status: number,
  { blob, type, start, end }: AnswerContent & { kind: 'blob' },
): Promise<number> {
  await using opened = blob;
  if (opened.content.kind === 'file') {
    await exchange.sendFile(status, type, { file: opened.content.file, start, end });
    return end - start;
  }
  exchange.setHeader('Content-Length', String(end - start));
  const output = exchange.stream(status, type);
  let sent = 0;
  for await (const chunk of opened.content.read(start, end) as AsyncIterable<Uint8Array>) {
    if (exchange.signal.aborted) return sent;
    sent += chunk.byteLength;
    if (!output.write(chunk)) await output.drained();
  }
  if (sent !== end - start) throw internal(`${opened.digest} ended after ${sent} of ${end - start} bytes`);
  output.end();
  return sent;
}
