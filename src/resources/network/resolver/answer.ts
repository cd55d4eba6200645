import * as dns from 'dns-packet';
import { formatIpAddress } from '../../../foundation/base/ip-address.ts';
import type { NameTable } from './name-table.ts';

/** What to do with a question. `drop` is for what is no question at all: an answer would only serve somebody who forged its sender. */
export type Verdict =
  | { kind: 'reply'; bytes: Uint8Array; cacheable: boolean }
  | { kind: 'forward' }
  | { kind: 'drop' };

export type Transport = 'udp' | 'tcp';

/** Short, because names move with containers; long enough that a loop of requests asks only now and then. */
const ttlSeconds = 5;
const headerBytes = 12;
/** RFC 1035, 4.2.1; a question with EDNS (RFC 6891) may allow more. */
const plainUdpBytes = 512;
const largestUdpBytes = 4096;
/** No question is longer: a name has at most 255 bytes, and what else may follow is small. What is longer only costs. */
export const largestQueryBytes = 4096;

const responseFlag = 0x8000;
const opcodeMask = 0x7800;

/** RFC 1035, 4.1.1 */
const rcode = { formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4 } as const;

/** Decides about the question of one container. `turn` rotates the order of several addresses. */
export function judge(
  table: NameTable,
  containerId: string,
  query: Uint8Array,
  options: { transport: Transport; turn: number },
): Verdict {
  const bytes = Buffer.from(query.buffer, query.byteOffset, query.byteLength);
  if (bytes.length < headerBytes) return { kind: 'drop' };
  const flags = bytes.readUInt16BE(2);
  if ((flags & responseFlag) !== 0) return { kind: 'drop' };
  if ((flags & opcodeMask) !== 0) return refuse(bytes, rcode.notImplemented);
  if (bytes.length > largestQueryBytes) return refuse(bytes, rcode.formatError);
  let packet: dns.DecodedPacket;
  try {
    packet = dns.decode(bytes);
  } catch {
    return refuse(bytes, rcode.formatError);
  }
  const [question, ...others] = packet.questions ?? [];
  if (!question || others.length > 0) return refuse(bytes, rcode.formatError);
  if ((question.class ?? 'IN') !== 'IN') return { kind: 'forward' };
  const name = question.name.toLowerCase().replace(/\.$/, '');
  const address = question.type === 'PTR' ? addressOfArpa(name) : undefined;
  if (address !== undefined) return judgeAddress(table, containerId, { packet, question, address });
  const meaning = table.lookUp(containerId, name);
  if (meaning.kind === 'foreign') return { kind: 'forward' };
  if (meaning.kind === 'absent') return reply(packet, { answers: [], code: rcode.noSuchName });
  // A name without an address of the family, or asked for something else, exists all the same: no answers, no error.
  const found = question.type === 'A' ? meaning.ipv4 : question.type === 'AAAA' ? meaning.ipv6 : [];
  const type = question.type === 'AAAA' ? 'AAAA' : 'A';
  const answers = rotate(found, options.turn).map((data): dns.Answer => ({
    type,
    name: question.name,
    ttl: ttlSeconds,
    data,
  }));
  const verdict = reply(packet, { answers });
  if (verdict.kind !== 'reply') return verdict;
  if (options.transport === 'udp' && verdict.bytes.length > allowedBytes(packet))
    return reply(packet, { answers: fitting(packet, answers, verdict.bytes.length), truncated: true });
  return { ...verdict, cacheable: found.length < 2 };
}

function judgeAddress(
  table: NameTable,
  containerId: string,
  asked: { packet: dns.DecodedPacket; question: dns.Question; address: string },
): Verdict {
  const meaning = table.lookUpAddress(containerId, asked.address);
  if (meaning.kind === 'foreign') return { kind: 'forward' };
  if (meaning.kind === 'absent') return reply(asked.packet, { answers: [], code: rcode.noSuchName });
  const answer: dns.Answer = { type: 'PTR', name: asked.question.name, ttl: ttlSeconds, data: meaning.name };
  return reply(asked.packet, { answers: [answer] });
}

/** `4.3.2.1.in-addr.arpa` and the 32 digits of `ip6.arpa`; undefined for everything else. */
export function addressOfArpa(name: string): string | undefined {
  const ipv4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (ipv4) return ipv4.slice(1).toReversed().join('.');
  const ipv6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  if (ipv6 === undefined) return undefined;
  const digits = ipv6.replaceAll('.', '').split('').toReversed().join('');
  return formatIpAddress({ family: 6, value: BigInt(`0x${digits}`) });
}

function allowedBytes(packet: dns.DecodedPacket): number {
  const edns = packet.additionals?.find((record) => record.type === 'OPT');
  const wanted = edns && 'udpPayloadSize' in edns ? edns.udpPayloadSize : plainUdpBytes;
  return Math.min(Math.max(wanted, plainUdpBytes), largestUdpBytes);
}

/** As many as fit: there are programs that never ask again over TCP. All are of one length. */
function fitting(packet: dns.DecodedPacket, answers: dns.Answer[], wholeBytes: number): dns.Answer[] {
  const bare = dns.encodingLength({ type: 'response', questions: packet.questions ?? [] });
  const each = (wholeBytes - bare) / answers.length;
  return answers.slice(0, Math.max(0, Math.floor((allowedBytes(packet) - bare) / each)));
}

function rotate<T>(list: readonly T[], turn: number): T[] {
  const at = list.length === 0 ? 0 : turn % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

function reply(
  packet: dns.DecodedPacket,
  content: { answers: dns.Answer[]; code?: number; truncated?: boolean },
): Verdict {
  const asked = packet.flags ?? 0;
  const flags =
    (asked & dns.RECURSION_DESIRED) |
    dns.RECURSION_AVAILABLE |
    (content.truncated ? dns.TRUNCATED_RESPONSE : 0) |
    (content.code ?? 0);
  const bytes = dns.encode({
    type: 'response',
    id: packet.id ?? 0,
    flags,
    questions: packet.questions ?? [],
    answers: content.answers,
  });
  return { kind: 'reply', bytes, cacheable: true };
}

/** Only the header, with the id and the error: what follows could not be read. */
function refuse(query: Buffer, code: number): Verdict {
  return { kind: 'reply', bytes: failure(query, code, 0), cacheable: false };
}

/** The answer that says that nobody answered. It repeats the question, without which resolver libraries take it for somebody else's. */
export function serverFailure(query: Uint8Array): Uint8Array {
  const bytes = Buffer.from(query.buffer, query.byteOffset, query.byteLength);
  return failure(bytes, rcode.serverFailure, questionBytes(bytes));
}

function failure(query: Buffer, code: number, question: number): Buffer {
  const answer = Buffer.alloc(headerBytes + question);
  query.copy(answer, 0, 0, 2);
  const kept = query.readUInt16BE(2) & (opcodeMask | dns.RECURSION_DESIRED);
  answer.writeUInt16BE(responseFlag | kept | dns.RECURSION_AVAILABLE | code, 2);
  if (question === 0) return answer;
  answer.writeUInt16BE(1, 4);
  query.copy(answer, headerBytes, headerBytes, headerBytes + question);
  return answer;
}

/** Length of the first question, whose name is never compressed; 0 when it is cut off. */
export function questionBytes(query: Buffer): number {
  let at = headerBytes;
  while (at < query.length && query[at] !== 0) at += 1 + (query[at] ?? 0);
  const end = at + 1 + 4;
  return end <= query.length ? end - headerBytes : 0;
}
