import { invalid } from '../../../foundation/base/errors.ts';
import { idsPerContainer } from './mode.ts';

export interface IdRange {
  first: number;
  count: number;
}

/** Far from people's ids and from what `useradd` gives out; below 2^31, which some programs take for the end. */
const builtIn: IdRange = { first: 0x4000_0000, count: 0x3f00_0000 };
/** 2^32-1 means "no id", and the kernel keeps the one below for what has none. */
const lastId = 0xffff_fffd;
/** Whose lines of /etc/subuid and /etc/subgid are ours. */
const owner = 'silo';

/**
 * The ids that containers may get: what the setting says, else what the machine's administrator gave to `silo`, else a place of our own without what others were given.
 * `users` and `groups` are the texts of subuid(5) and subgid(5).
 */
export function chooseArea(
  setting: string | undefined,
  { users, groups }: { users: string; groups: string },
): IdRange[] {
  const given = [parseLines(users), parseLines(groups)] as const;
  const others = given.flat().filter((line) => line.owner !== owner);
  if (setting !== undefined) {
    const range = parseRange(setting);
    const taken = others.find((line) => overlap(line, range));
    if (taken)
      throw invalid(
        `userns-range ${setting} overlaps the ids ${taken.first}:${taken.count} that /etc/subuid or /etc/subgid gives to ${taken.owner}`,
        { code: 'bad-userns-range', hint: 'choose another one, such as 1073741824:67108864' },
      );
    return [range];
  }
  const [ownUsers, ownGroups] = given.map((lines) => lines.filter((line) => line.owner === owner));
  if (ownUsers && ownGroups && (ownUsers.length > 0 || ownGroups.length > 0)) {
    const both = ownUsers.flatMap((one) => ownGroups.flatMap((other) => common(one, other)));
    if (both.some(({ count }) => count >= idsPerContainer)) return both;
    throw invalid(
      `/etc/subuid and /etc/subgid give ${owner} no ${idsPerContainer} ids that are the same in both`,
      {
        code: 'bad-userns-range',
        hint: `usermod --add-subuids 1073741824-1140850687 --add-subgids 1073741824-1140850687 ${owner}`,
      },
    );
  }
  return without(builtIn, others);
}

/** `FIRST:COUNT` */
export function parseRange(text: string): IdRange {
  const [, first = '', count = ''] = /^(\d{1,10}):(\d{1,10})$/.exec(text) ?? [];
  const range = { first: Number(first), count: Number(count) };
  const fault =
    first === '' || count === ''
      ? 'it must be FIRST:COUNT'
      : range.count < idsPerContainer
        ? `it must have ${idsPerContainer} ids or more`
        : range.first < idsPerContainer
          ? `it must begin at ${idsPerContainer} or later: the ids before are the host's own`
          : range.first + range.count - 1 > lastId
            ? `it ends after the last id, ${lastId}`
            : undefined;
  if (fault !== undefined)
    throw invalid(`invalid userns-range "${text}": ${fault}`, {
      code: 'bad-userns-range',
      hint: 'for example 1073741824:67108864, which is enough for 1024 containers',
    });
  return range;
}

/** Lines `name:first:count`; others are ignored, as the tools do. */
function parseLines(text: string): (IdRange & { owner: string })[] {
  return text.split('\n').flatMap((line) => {
    const [, name = '', first, count] = /^([^:#]+):(\d{1,10}):(\d{1,10})$/.exec(line.trim()) ?? [];
    return first === undefined ? [] : [{ owner: name, first: Number(first), count: Number(count) }];
  });
}

function overlap(one: IdRange, other: IdRange): boolean {
  return one.first < other.first + other.count && other.first < one.first + one.count;
}

function common(one: IdRange, other: IdRange): IdRange[] {
  const first = Math.max(one.first, other.first);
  const count = Math.min(one.first + one.count, other.first + other.count) - first;
  return count >= idsPerContainer ? [{ first, count }] : [];
}

function without(area: IdRange, taken: readonly IdRange[]): IdRange[] {
  let parts = [area];
  for (const range of taken)
    parts = parts.flatMap((part) => {
      if (!overlap(part, range)) return [part];
      const end = part.first + part.count;
      // The rest begins at a whole step again, so that ranges stay easy to read.
      const next = Math.ceil((range.first + range.count) / idsPerContainer) * idsPerContainer;
      return [
        { first: part.first, count: range.first - part.first },
        { first: next, count: end - next },
      ].filter(({ count }) => count >= idsPerContainer);
    });
  return parts;
}
