import { canceled, invalid } from '../base/errors.ts';
import type { Exchange } from './http.ts';

/** The whole body; kind `invalid` beyond the limit, `canceled` when the client leaves before its end. */
export async function readBody(
  exchange: Pick<Exchange, 'body' | 'headers'>,
  limitBytes: number,
): Promise<Buffer> {
  const tooLarge = () =>
    invalid(`the request's body is larger than ${limitBytes} bytes`, { code: 'body-too-large' });
  if (Number(exchange.headers['content-length'] ?? 0) > limitBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of exchange.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limitBytes) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (length > limitBytes) throw error;
    throw canceled('the client left while it sent the request', { cause: error });
  }
  return chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
}
