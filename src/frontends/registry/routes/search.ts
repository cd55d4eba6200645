import type { Registry } from '../../../engine/registry/registry.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import type { Exchange } from '../../../foundation/http/http.ts';
import type { RepositoryName } from '../../../foundation/oci/repository-name.ts';
import type { Route } from '../call.ts';
import { visibleRepositories } from '../visible-repositories.ts';

/** Of one request: which repositories its client may know of. */
export type VisibleTo = (exchange: Exchange) => Promise<(name: RepositoryName) => boolean>;

const everything: VisibleTo = () => Promise.resolve(() => true);
const usualLimit = 25;
const maximumLimit = 100;
const maximumCharacters = 256;

/**
 * `GET /v1/search?q=…&n=…` of the protocol's first version, which `docker search HOST/WORD` and `podman search` still ask. Names that hold the word are found; no
 * registry of today knows stars or descriptions.
 */
export function searchRoute(
  { lists }: { lists: Pick<Registry['lists'], 'repositories'> },
  visibleTo: VisibleTo = everything,
): Route {
  return {
    method: 'GET',
    path: '/v1/search',
    access: 'catalog',
    async handle({ exchange }) {
      const query = exchange.query.get('q') ?? '';
      const word = query.toLowerCase();
      if (word.length > maximumCharacters) throw invalid('the word to search for is too long');
      const mayKnow = await visibleTo(exchange);
      const { items } = await visibleRepositories(lists, (name) => name.includes(word) && mayKnow(name), {
        limit: limitOf(exchange.query.get('n')),
      });
      const results = items.map((name) => ({
        name,
        description: '',
        star_count: 0,
        is_official: false,
        is_automated: false,
      }));
      return {
        status: 200,
        content: { kind: 'json', json: { query, num_results: results.length, results } },
      };
    },
  };
}

function limitOf(text: string | null): number {
  const limit = Number(text ?? usualLimit);
  return Number.isSafeInteger(limit) && limit > 0 ? Math.min(limit, maximumLimit) : usualLimit;
}
