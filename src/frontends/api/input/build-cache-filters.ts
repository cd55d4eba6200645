import { unsupported } from '../../../foundation/base/errors.ts';
import type { BuildCacheJson } from '../../../foundation/wire/silo/builds.ts';
import { booleanFilter, matchesAny, parseFilters, singleFilter } from './filters.ts';
import { queryInteger } from './query.ts';
import { parseMoment } from './times.ts';

export interface CachePrune {
  isWanted: (entry: BuildCacheJson) => boolean;
  /** So much may stay: the most recently used. */
  keepBytes: number;
  /** Nothing was said: all of it. */
  isWhole: boolean;
}

const known = ['until', 'unused-for', 'id', 'parent', 'type', 'description', 'inuse', 'shared', 'private'];

/** The parameters of `POST /build/prune`. `until` is about the last use, as in Docker; `all` says nothing here. */
export function readCachePrune(query: URLSearchParams): CachePrune {
  const filters = parseFilters(query, known);
  if ((queryInteger(query, 'min-free-space') ?? 0) !== 0)
    throw unsupported('min-free-space is not supported: use keep-storage', { code: 'unsupported-field' });
  const before = [singleFilter(filters, 'until'), singleFilter(filters, 'unused-for')].flatMap((text) =>
    text === undefined ? [] : [parseMoment(text, Date.now())],
  );
  const [inUse, shared, isPrivate] = ['inuse', 'shared', 'private'].map((name) =>
    booleanFilter(filters, name),
  );
  const keepBytes = Math.max(
    0,
    ...['keep-storage', 'reserved-space', 'max-used-space'].map((name) => queryInteger(query, name) ?? 0),
  );
  return {
    keepBytes,
    isWhole: filters.size === 0 && keepBytes === 0,
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

/** Those to remove: the least recently used first, until no more than `keepBytes` stay. */
export function chooseEntries(
  entries: readonly BuildCacheJson[],
  { isWanted, keepBytes }: CachePrune,
): BuildCacheJson[] {
  let total = entries.reduce((sum, { Size }) => sum + Size, 0);
  const chosen: BuildCacheJson[] = [];
  for (const entry of entries.toSorted((a, b) => (a.LastUsedAt ?? '').localeCompare(b.LastUsedAt ?? ''))) {
    if (keepBytes > 0 && total <= keepBytes) break;
    if (!isWanted(entry)) continue;
    chosen.push(entry);
    total -= entry.Size;
  }
  return chosen;
}
