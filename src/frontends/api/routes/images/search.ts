import type { Engine } from '../../../../engine/host/engine.ts';
import type { SearchRequest } from '../../../../engine/image/registries.ts';
import { invalid, toSiloError } from '../../../../foundation/base/errors.ts';
import type { SearchResultJson } from '../../../../foundation/wire/docker/image.ts';
import { ok, type Route } from '../../call.ts';
import { booleanFilter, parseFilters } from '../../input/filters.ts';
import { parseInteger, queryInteger, queryText } from '../../input/query.ts';
import { readRegistryAuth } from '../../input/registry-auth.ts';
import { defined } from '../../translate/refuse.ts';

/** `docker search`: asks the first version's search of the registry that the term begins with. */
export function searchImages(engine: { images: Pick<Engine['images'], 'search'> }): Route {
  return {
    method: 'GET',
    path: '/images/search',
    async handle({ exchange, query }) {
      const filters = parseFilters(query, ['is-automated', 'is-official', 'stars']);
      const isOfficial = booleanFilter(filters, 'is-official');
      // No registry tells it any more: to search for it finds nothing.
      const isAutomated = booleanFilter(filters, 'is-automated');
      const stars = Math.max(0, ...(filters.get('stars') ?? []).map(parseInteger));
      const term = queryText(query, 'term');
      if (term === undefined) throw invalid('search term is required', { code: 'no-search-term' });
      const limit = limitOf(query);
      if (limit < 1 || limit > 100) throw invalid(`limit ${limit} is outside the range of [1, 100]`);
      const found = await engine.images.search(
        defined<SearchRequest>({
          term,
          limit,
          credentials: readRegistryAuth(exchange.headers),
          signal: exchange.signal,
        }),
      );
      return ok(
        found
          .filter(
            (each) => (isOfficial === undefined || each.isOfficial === isOfficial) && isAutomated !== true,
          )
          .filter((each) => each.stars >= stars)
          .map(({ name, description, stars: count, isOfficial: official }): SearchResultJson => ({
            star_count: count,
            is_official: official,
            name,
            is_automated: false,
            description,
          })),
      );
    },
  };
}

/** Docker frames the parser's words here, and nowhere else. */
function limitOf(query: URLSearchParams): number {
  try {
    return queryInteger(query, 'limit') || 25;
  } catch (error) {
    throw invalid(`invalid limit specified: ${toSiloError(error).message}`, {
      code: 'bad-limit',
      cause: error,
    });
  }
}
