import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import type { RegistryContext } from './context.ts';
import { loadGraph } from './graph.ts';
import type { Page, PageOf, RegistryLists } from './registry.ts';

const pageLimit = 1_000;

export function createLists(context: RegistryContext): RegistryLists {
  const { repositories } = context;
  return {
    repositories: async (page) => takePage(await repositories.names(), page),
    tags: async (repository, page) => takePage((await repositories.get(repository)).tags(), page),
    async referrers(repository, subject, { artifactType } = {}) {
      const state = await repositories.find(repository);
      if (state === undefined) return [];
      await loadGraph(context, state);
      return state
        .referrers(subject)
        .filter(({ facts }) => artifactType === undefined || facts.artifactType === artifactType)
        .map(({ info, facts }): Descriptor => ({
          mediaType: info.mediaType,
          digest: info.digest,
          size: info.sizeBytes,
          ...(facts.artifactType === undefined ? {} : { artifactType: facts.artifactType }),
          ...(facts.annotations === undefined ? {} : { annotations: facts.annotations }),
        }));
    },
  };
}

/** Of a sorted list. */
function takePage<Item extends string>(
  all: readonly Item[],
  { limit = pageLimit, after }: Page = {},
): PageOf<Item> {
  const start = after === undefined ? 0 : firstBehind(all, after);
  const end = start + Math.min(limit, pageLimit);
  return { items: all.slice(start, end), more: end < all.length };
}

function firstBehind(sorted: readonly string[], after: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
