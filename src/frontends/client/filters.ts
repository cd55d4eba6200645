import type { Filters } from './calls.ts';

/** The query form of filters, which is JSON; nothing when there are none. */
export function formatFilters(filters: Filters | undefined): string | undefined {
  return filters === undefined || Object.keys(filters).length === 0 ? undefined : JSON.stringify(filters);
}
