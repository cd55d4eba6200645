import { invalid } from '../../foundation/base/errors.ts';

/** `--ulimit NAME=SOFT[:HARD]` and Docker's JSON; -1 means unlimited. */
export interface Ulimit {
  name: string;
  soft: number;
  hard: number;
}

const names = new Set(
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  ),
);

/** RLIM_INFINITY; the writer of the bundle prints it exactly. */
const unlimited = 2 ** 64;

/** Names as in getrlimit(2). The later of two entries for one name wins. */
export function toRlimits(ulimits: readonly Ulimit[]): { type: string; soft: number; hard: number }[] {
  const byName = new Map(ulimits.map((limit) => [limit.name, toRlimit(limit)]));
  return [...byName.values()];
}

function toRlimit({ name, soft, hard }: Ulimit): { type: string; soft: number; hard: number } {
  if (!names.has(name)) throw invalid(`invalid ulimit type: ${name}`);
  const value = (limit: number): number => (limit === -1 ? unlimited : limit);
  const sound = [soft, hard].every((limit) => Number.isInteger(limit) && limit >= -1);
  if (!sound) throw invalid(`invalid ulimit value for ${name}: ${soft}:${hard}`);
  if (value(soft) > value(hard))
    throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  return { type: `RLIMIT_${name.toUpperCase()}`, soft: value(soft), hard: value(hard) };
}
