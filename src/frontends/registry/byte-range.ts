import type { IncomingHttpHeaders } from 'node:http';
import { invalid } from '../../foundation/base/errors.ts';

export type ByteRange =
  | { kind: 'whole' }
  /** `end` is exclusive. */
  | { kind: 'part'; start: number; end: number }
  | { kind: 'unsatisfiable' };

/**
 * RFC 9110, 14.2: one range of bytes. Several ranges, other units and what cannot be read are answered with the whole, as the RFC allows; so is
 * a part of something else than what the client has (`If-Range`).
 */
export function requestedRange(headers: IncomingHttpHeaders, sizeBytes: number, tag: string): ByteRange {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(headers.range?.trim() ?? '');
  const condition = headers['if-range'];
  if (!match || (condition !== undefined && condition !== tag)) return { kind: 'whole' };
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return { kind: 'whole' };
  if (first === '') {
    const start = Math.max(0, sizeBytes - Number(last));
    return start < sizeBytes ? { kind: 'part', start, end: sizeBytes } : { kind: 'unsatisfiable' };
  }
  const start = Number(first);
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (last !== '' && Number(last) < start) return { kind: 'whole' };
  return start < sizeBytes ? { kind: 'part', start, end } : { kind: 'unsatisfiable' };
}

/**
 * OCI distribution spec, "Pushing a blob in chunks": `Content-Range: FIRST-LAST` of a chunk; some clients write it as HTTP has it
 * (`bytes FIRST-LAST/*`).
 */
export function chunkRange(headers: IncomingHttpHeaders): { first: number; last: number } | undefined {
  const text = headers['content-range'];
  if (text === undefined) return undefined;
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/.exec(text.trim());
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || last < first)
    throw invalid(`invalid Content-Range "${text.slice(0, 100)}"`, { code: 'range-invalid' });
  const length = headers['content-length'];
  if (length !== undefined && Number(length) !== last - first + 1)
    throw invalid(`Content-Range ${first}-${last} is not Content-Length ${length.slice(0, 20)} long`, {
      code: 'size-invalid',
    });
  return { first, last };
}
