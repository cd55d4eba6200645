import type { LogEntry } from '../logs.ts';
import { isPartOfLine } from './join-lines.ts';

const error = 3;
const informational = 6;
const newline = 0x0a;
/** journald takes names of at most so many letters. */
const longestName = 64;

export interface JournalSender {
  id: string;
  name: string;
  imageName: string;
  tag: string;
  /** Labels and variables that the log options name. */
  attributes: readonly (readonly [string, string])[];
}

/** What all messages of a container have, with Docker's names. */
export function formatJournalSender({ id, name, imageName, tag, attributes }: JournalSender): Buffer {
  const own = new Map([
    ...attributes.map(([key, value]) => [journalName(key), value] as const),
    ['CONTAINER_ID', id.slice(0, 12)],
    ['CONTAINER_ID_FULL', id],
    ['CONTAINER_NAME', name],
    ['CONTAINER_TAG', tag],
    ['IMAGE_NAME', imageName],
    ['SYSLOG_IDENTIFIER', tag],
  ]);
  return Buffer.concat([...own].filter(([key]) => key !== '').map(([key, value]) => field(key, value)));
}

/** One datagram of the native protocol (systemd's JOURNAL_NATIVE_PROTOCOL). */
export function formatJournal(entry: LogEntry, sender: Buffer): Buffer {
  const { stream, time, text } = entry;
  return Buffer.concat([
    field('PRIORITY', String(stream === 'stderr' ? error : informational)),
    field('SYSLOG_TIMESTAMP', time),
    ...(isPartOfLine(entry) ? [field('CONTAINER_PARTIAL_MESSAGE', 'true')] : []),
    sender,
    field('MESSAGE', text.at(-1) === newline ? text.subarray(0, -1) : text),
  ]);
}

/** Capitals, digits and underscores, none of these at the beginning: what begins with one is the journal's own. */
function journalName(name: string): string {
  const upper = name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
  return upper.replace(/^[_0-9]+/, '').slice(0, longestName);
}

/** `NAME=value`; a value with line ends has its length, 64 bits little-endian, in front. */
function field(name: string, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  if (!bytes.includes(newline)) return Buffer.concat([Buffer.from(`${name}=`), bytes, Buffer.from('\n')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')]);
}
