import { invalid } from '../../foundation/base/errors.ts';
import type { Page } from '../../engine/registry/registry.ts';

/** OCI distribution spec, "Listing Tags": `n` and `last`. */
export function requestedPage(query: URLSearchParams): Page {
  const limit = query.get('n');
  const after = query.get('last');
  if (limit !== null && !/^\d{1,9}$/.test(limit))
    throw invalid(`invalid number of entries "${limit.slice(0, 40)}"`, { code: 'page-invalid' });
  return {
    ...(limit === null ? {} : { limit: Number(limit) }),
    ...(after === null ? {} : { after }),
  };
}

/** RFC 8288, the link to what comes after `last`; none without one. `others` are parameters that the next request repeats. */
export function nextLink(
  path: string,
  last: string | undefined,
  limit: number | undefined,
  others: Record<string, string> = {},
): Record<string, string> {
  if (last === undefined) return {};
  const query = new URLSearchParams({ ...others, last });
  if (limit !== undefined) query.set('n', String(limit));
  return { Link: `<${path}?${query.toString()}>; rel="next"` };
}
