import { invalid } from '../../../foundation/base/errors.ts';
import { readBody } from '../../../foundation/http/body.ts';
import type { ApiCall } from '../call.ts';
import type { Decoder } from './decode.ts';

/** Far above any real request: the largest are seccomp profiles in `SecurityOpt`. */
const limitBytes = 8 * 1024 * 1024;

/** The request's JSON body, checked. Docker's statuses and texts for a mistyped or malformed one; none, and `null`, are an empty object. */
export async function readJson<T>(call: ApiCall, decode: Decoder<T>): Promise<T> {
  return decode((await readAnyJson(call)) ?? {}, '');
}

/** As `readJson`, for the one route where a missing body is an error. */
export async function readRequiredJson<T>(call: ApiCall, decode: Decoder<T>): Promise<T> {
  const parsed = await readAnyJson(call);
  if (parsed === undefined)
    throw invalid('invalid JSON: got EOF while reading request body', { code: 'no-body' });
  return decode(parsed ?? {}, '');
}

/** As `readJson`, but without a body the result is undefined. */
export async function readOptionalJson<T>(call: ApiCall, decode: Decoder<T>): Promise<T | undefined> {
  const parsed = await readAnyJson(call);
  return parsed === undefined || parsed === null ? undefined : decode(parsed, '');
}

async function readAnyJson({ exchange }: ApiCall): Promise<unknown> {
  const body = await readBody(exchange, limitBytes);
  checkContentType(exchange.headers['content-type'] ?? '', body.length > 0);
  if (body.length === 0) return undefined;
  const text = body.toString('utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(`invalid JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {
      code: 'bad-json',
      cause,
    });
  }
}

/** Other types are refused so that no web page can send one of the types that browsers send without asking (CORS "simple" requests). */
function checkContentType(header: string, hasBody: boolean): void {
  if (header === '' && !hasBody) return;
  const type = header.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json') return;
  if (type === '')
    throw invalid(`malformed Content-Type header (${header}): mime: no media type`, {
      code: 'bad-content-type',
    });
  throw invalid(`unsupported Content-Type header (${type.slice(0, 100)}): must be 'application/json'`, {
    code: 'bad-content-type',
  });
}
