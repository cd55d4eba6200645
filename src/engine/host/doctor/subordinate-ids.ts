import { readFile } from 'node:fs/promises';
import type { Findings } from './finding.ts';

/** Whose ranges Silo uses (subuid(5)). */
const owner = 'silo';
/** Ids of one container: all that 16 bits name, which images rely on. */
const idsPerContainer = 65_536;

export async function checkSubordinateIds(): Promise<Findings> {
  const [users, groups] = await Promise.all(
    ['/etc/subuid', '/etc/subgid'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  return judgeRanges(users ?? '', groups ?? '');
}

interface Range {
  owner: string;
  first: number;
  count: number;
}

/** Pure: from the two files. */
export function judgeRanges(users: string, groups: string): Findings {
  const ranges = [parseRanges(users), parseRanges(groups)];
  const overlap = ranges.flatMap(findOverlap);
  const findings: Findings = overlap.map(([one, other]) => ({
    status: 'warning',
    title: `The subordinate ids of ${one} and ${other} overlap`,
    why: 'Containers of the one could touch the files of the other.',
    fix: ['give each a range of its own in /etc/subuid and /etc/subgid'],
  }));
  if (ranges.every((list) => total(list, owner) >= idsPerContainer))
    return [
      ...findings,
      {
        status: 'ok',
        title: `${owner} has subordinate ids for ${Math.floor(Math.min(...ranges.map((list) => total(list, owner))) / idsPerContainer)} containers`,
        why: 'Containers in user namespaces of their own take their ids from there.',
      },
    ];
  const first = Math.max(100_000, ...ranges.flat().map((range) => range.first + range.count));
  const last = first + 1024 * idsPerContainer - 1;
  if (ranges.some((list) => total(list, owner) > 0))
    return [
      ...findings,
      {
        status: 'problem',
        title: `${owner} has subordinate ids, but not ${idsPerContainer} users and as many groups`,
        why: 'The engine takes the ids of containers from there and does not start without enough.',
        fix: [`usermod --add-subuids ${first}-${last} --add-subgids ${first}-${last} ${owner}`],
      },
    ];
  return [
    ...findings,
    {
      status: 'ok',
      title:
        'Containers take their ids from 1073741824 on, without what /etc/subuid and /etc/subgid give to others',
      why: `No other program uses them. Lines of ${owner} in these files, or userns-range in the settings, choose others.`,
    },
  ];
}

/** Lines `name:first:count`; others are ignored, as the tools do. */
function parseRanges(text: string): Range[] {
  return text.split('\n').flatMap((line) => {
    const found = /^([^:#]+):(\d+):(\d+)$/.exec(line.trim());
    return found ? [{ owner: found[1] ?? '', first: Number(found[2]), count: Number(found[3]) }] : [];
  });
}

const total = (ranges: readonly Range[], owner: string): number =>
  ranges.filter((range) => range.owner === owner).reduce((sum, { count }) => sum + count, 0);

function findOverlap(ranges: readonly Range[]): [string, string][] {
  const sorted = [...ranges].sort((a, b) => a.first - b.first);
  return sorted.flatMap((range, index) => {
    const next = sorted[index + 1];
    return next && next.owner !== range.owner && next.first < range.first + range.count
      ? [[range.owner, next.owner] as [string, string]]
      : [];
  });
}
