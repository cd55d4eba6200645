import { corrupt } from '../../foundation/base/errors.ts';
import type { ByteReader } from './byte-reader.ts';

/**
 * The part of HTTP/1.1 (RFC 9112) that a client of the engine needs, over any byte stream. Written out because loading `node:http` costs a
 * quarter of a short command's time, and because an attached stream is the same socket after the headers, half-close included.
 */
export interface ResponseHead {
  status: number;
  reason: string;
  /** Names in lower case; a repeated field keeps its last value. */
  headers: ReadonlyMap<string, string>;
}

const maximumHead = 64 * 1024;
const maximumChunkLine = 1024;
const headEnd = Buffer.from('\r\n\r\n');
const lineEnd = Buffer.from('\r\n');

/** Text of a request's head. Values never contain line breaks: paths are encoded and header values checked. */
export function formatRequestHead(
  method: string,
  path: string,
  headers: Iterable<readonly [string, string]>,
): string {
  let text = `${method} ${path} HTTP/1.1\r\n`;
  for (const [name, value] of headers) text += `${name}: ${value.replace(/[\r\n]/g, ' ')}\r\n`;
  return `${text}\r\n`;
}

/** Reads one head, passing over `100 Continue`. */
export async function readResponseHead(reader: ByteReader): Promise<ResponseHead> {
  for (;;) {
    const head = parseHead((await readUntil(reader, headEnd, maximumHead)).toString('latin1'));
    if (head.status >= 200 || head.status === 101) return head;
  }
}

function parseHead(text: string): ResponseHead {
  const [first = '', ...lines] = text.split('\r\n');
  const match = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(first);
  if (!match) throw corrupt('the server does not speak HTTP', { hint: 'is this the socket of an engine?' });
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(match[1]), reason: match[2] ?? '', headers };
}

async function readUntil(reader: ByteReader, mark: Buffer, limit: number): Promise<Buffer> {
  let seen: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = await reader.read();
    if (chunk === undefined) throw new Error('the connection was closed by the daemon');
    const from = Math.max(0, seen.length - mark.length + 1);
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const at = seen.indexOf(mark, from);
    if (at >= 0) {
      reader.unread(seen.subarray(at + mark.length));
      return seen.subarray(0, at);
    }
    if (seen.length > limit) throw corrupt('the server sent an endless header');
  }
}

/** Whether the connection can serve another request once the body is read. */
export function isReusable(head: ResponseHead): boolean {
  if (head.headers.get('connection')?.toLowerCase() === 'close') return false;
  return hasNoBody(head) || head.headers.has('content-length') || isChunked(head);
}

const isChunked = (head: ResponseHead): boolean =>
  head.headers.get('transfer-encoding')?.toLowerCase().endsWith('chunked') ?? false;
const hasNoBody = (head: ResponseHead): boolean => head.status === 204 || head.status === 304;

/** The body by the rules of RFC 9112 section 6.3. */
export async function* readBody(
  reader: ByteReader,
  head: ResponseHead,
  method: string,
): AsyncGenerator<Buffer, void, void> {
  if (method === 'HEAD' || hasNoBody(head)) return;
  if (isChunked(head)) yield* readChunked(reader);
  else if (head.headers.has('content-length'))
    yield* readExactly(reader, parseLength(head.headers.get('content-length') ?? ''));
  else for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) yield chunk;
}

function parseLength(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw corrupt(`the server sent a bad Content-Length: ${text}`);
  return Number(text);
}

async function* readExactly(reader: ByteReader, length: number): AsyncGenerator<Buffer, void, void> {
  let left = length;
  while (left > 0) {
    const chunk = await reader.read();
    if (chunk === undefined) throw new Error('the connection was closed in the middle of the answer');
    if (chunk.length > left) reader.unread(chunk.subarray(left));
    const part = chunk.subarray(0, left);
    left -= part.length;
    yield part;
  }
}

async function* readChunked(reader: ByteReader): AsyncGenerator<Buffer, void, void> {
  for (;;) {
    const line = (await readUntil(reader, lineEnd, maximumChunkLine)).toString('latin1');
    const size = /^([0-9a-fA-F]{1,12})\s*(?:;.*)?$/.exec(line)?.[1];
    if (size === undefined) throw corrupt('the server sent a malformed chunk');
    if (Number.parseInt(size, 16) === 0) break;
    yield* readExactly(reader, Number.parseInt(size, 16));
    if ((await readUntil(reader, lineEnd, maximumChunkLine)).length > 0)
      throw corrupt('the server sent a malformed chunk');
  }
  // Trailers end with an empty line; the engine sends none.
  while ((await readUntil(reader, lineEnd, maximumChunkLine)).length > 0);
}
