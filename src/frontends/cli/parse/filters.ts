import type { Filters } from '../../client/calls.ts';

/** `name=value` words as the API takes them. */
export function collectFilters(words: readonly string[]): Filters {
  const filters: Record<string, string[]> = {};
  for (const word of words) {
    const equals = word.indexOf('=');
    const name = word.slice(0, equals).trim().toLowerCase();
    (filters[name] ??= []).push(word.slice(equals + 1).trim());
  }
  return filters;
}
