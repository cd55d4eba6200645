import { parseIpAddress } from '../../foundation/base/ip-address.ts';
import type { SetChange, SetElement } from '../../foundation/kernel/netlink/nftables-elements.ts';
import type { ElementsChange } from './firewall-rules.ts';

/*
 * Published ports as the kernel keeps them: the words of `firewall-rules.ts` in bytes. Pure.
 */

const portMaps = new Set(['port', 'any', 'portspan', 'anyspan'].flatMap((name) => [`${name}4`, `${name}6`]));

/** More than that is one packet too large for a socket's buffer. */
const mostElements = 1_000;

/** Undefined when something else than ports changes, or too many of them do. */
export function toSetChanges({ removed, added }: ElementsChange): SetChange[] | undefined {
  const names = [...new Set([...removed.keys(), ...added.keys()])];
  const count = [...removed.values(), ...added.values()].reduce((sum, { size }) => sum + size, 0);
  if (count > mostElements || names.some((name) => !portMaps.has(name))) return undefined;
  return names.map((set) => ({
    set,
    removed: [...(removed.get(set)?.keys() ?? [])].map(toKey),
    added: [...(added.get(set) ?? [])].map(([key, value]) => ({ ...toKey(key), value: toBytes(value) })),
  }));
}

/** `[ADDRESS .] PROTOCOL . PORT[-LAST]` */
function toKey(words: string): SetElement {
  const span = /^(.*) (\d+)-(\d+)$/.exec(words);
  if (!span) return { key: toBytes(words) };
  const [, place = '', first = '', last = ''] = span;
  return { key: toBytes(`${place} ${first}`), keyEnd: toBytes(`${place} ${last}`) };
}

const toBytes = (words: string): Buffer => Buffer.concat(words.split(' . ').map(partOf));

/** Numbers of IP protocols (protocols(5)). */
const protocols: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** Each part of a concatenation begins at a multiple of four. */
function partOf(word: string): Buffer {
  const protocol = protocols[word];
  if (protocol !== undefined) return Buffer.from([protocol, 0, 0, 0]);
  if (/^\d+$/.test(word)) return Buffer.from([Number(word) >> 8, Number(word) & 0xff, 0, 0]);
  const { family, value } = parseIpAddress(word);
  return Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex');
}
