import { readFile } from 'node:fs/promises';
import type { Findings } from './finding.ts';

/** Whose ranges Silo may use (subuid(5)); the first that has one is taken. */
const owners = ['silo', 'root'];
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
  const owner = owners.find((name) => ranges.every((list) => total(list, name) >= idsPerContainer));
  if (owner !== undefined)
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
  return [
    ...findings,
    {
      status: 'note',
      title: 'Neither silo nor root has subordinate ids',
      why: 'Containers in user namespaces of their own take their ids from there, so that no other program uses the same.',
      fix: [`usermod --add-subuids ${first}-${last} --add-subgids ${first}-${last} root`],
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
