import type { BuildCacheJson } from '../../../foundation/wire/silo/builds.ts';
import { booleanFilter, matchesAny, parseFilters, singleFilter } from './filters.ts';
import { queryInteger } from './query.ts';
import { parseMoment } from './times.ts';

export interface CachePrune {
  isWanted: (entry: BuildCacheJson) => boolean;
  space: CacheSpace;
  /** Nothing was said: all of it. */
  isWhole: boolean;
}

/** Zero is a word that was not said. */
export interface CacheSpace {
  /** So much stays in any case: the most recently used. */
  reservedBytes: number;
  /** No more than that stays. */
  mostBytes: number;
  /** Of the disk, when it is done. */
  freeBytes: number;
}

const known = ['until', 'unused-for', 'id', 'parent', 'type', 'description', 'inuse', 'shared', 'private'];

/** The parameters of `POST /build/prune`. `until` is about the last use, as in Docker; `all` says nothing here. */
export function readCachePrune(query: URLSearchParams): CachePrune {
  const filters = parseFilters(query, known);
  const before = [singleFilter(filters, 'until'), singleFilter(filters, 'unused-for')].flatMap((text) =>
    text === undefined ? [] : [parseMoment(text, Date.now())],
  );
  const [inUse, shared, isPrivate] = ['inuse', 'shared', 'private'].map((name) =>
    booleanFilter(filters, name),
  );
  const bytes = (name: string): number => Math.max(0, queryInteger(query, name) ?? 0);
  const space: CacheSpace = {
    reservedBytes: bytes('reserved-space') || bytes('keep-storage'),
    mostBytes: bytes('max-used-space'),
    freeBytes: bytes('min-free-space'),
  };
  return {
    space,
    isWhole: filters.size === 0 && !isLimited(space),
    isWanted: (entry) =>
      !(inUse === undefined && entry.InUse) &&
      (inUse ?? entry.InUse) === entry.InUse &&
      (shared ?? entry.Shared) === entry.Shared &&
      (isPrivate ?? !entry.Shared) === !entry.Shared &&
      before.every((moment) => entry.LastUsedAt !== null && Date.parse(entry.LastUsedAt) < moment) &&
      matchesAny(filters, 'id', (id) => entry.ID === id || entry.ID.replace(/^sha256:/, '').startsWith(id)) &&
      matchesAny(filters, 'parent', (id) => entry.Parents?.includes(id) === true) &&
      matchesAny(filters, 'type', (type) => entry.Type === type) &&
      matchesAny(filters, 'description', (text) => entry.Description.includes(text)),
  };
}

const isLimited = (space: CacheSpace): boolean => Object.values(space).some((bytes) => bytes > 0);

/**
 * How much may stay, as BuildKit counts it: no more than `mostBytes`, so much less as the disk lacks, but what is reserved in any case. Where free space
 * alone is wanted and is there, all of it.
 */
function keptBytes(total: number, diskFreeBytes: number, space: CacheSpace): number {
  const { reservedBytes, mostBytes, freeBytes } = space;
  const most = mostBytes > 0 ? mostBytes : freeBytes > 0 ? total : 0;
  const lacking = freeBytes - diskFreeBytes;
  return Math.max(reservedBytes, lacking > 0 ? Math.min(most, total - lacking) : most);
}

/** Those to remove: the least recently used first, until no more stays than may. */
export function chooseEntries(
  entries: readonly BuildCacheJson[],
  { isWanted, space }: Pick<CachePrune, 'isWanted' | 'space'>,
  diskFreeBytes: number,
): BuildCacheJson[] {
  let total = entries.reduce((sum, { Size }) => sum + Size, 0);
  const kept = isLimited(space) ? keptBytes(total, diskFreeBytes, space) : undefined;
  const chosen: BuildCacheJson[] = [];
  for (const entry of entries.toSorted((a, b) => (a.LastUsedAt ?? '').localeCompare(b.LastUsedAt ?? ''))) {
    if (kept !== undefined && total <= kept) break;
    if (!isWanted(entry)) continue;
    chosen.push(entry);
    total -= entry.Size;
  }
  return chosen;
}
