import { splitPair } from '../../../foundation/base/split-pair.ts';

const names = new Set([
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]);

/** Reads `nofile=1024:2048`; -1 is no limit. */
export function parseUlimit(text: string): { Name: string; Soft: number; Hard: number } {
  const [name, value] = splitPair(text);
  if (value === undefined) throw new Error(`invalid ulimit argument: ${text}`);
  if (!names.has(name)) throw new Error(`invalid ulimit type: ${name}`);
  const limits = value.split(':');
  if (limits.length > 2)
    throw new Error(`too many limit value arguments - ${value}, can only have up to two, \`soft[:hard]\``);
  const [soft = 0, hard = soft] = limits.map(readLimit);
  if (hard !== -1 && soft === -1)
    throw new Error(
      `ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: ${hard}`,
    );
  if (hard !== -1 && soft > hard)
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  return { Name: name, Soft: soft, Hard: hard };
}

function readLimit(text: string): number {
  if (!/^-?\d+$/.test(text))
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}
