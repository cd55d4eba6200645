import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import type { RegistryContext } from './context.ts';
import { placeOf } from './by-code.ts';
import { loadGraph } from './graph.ts';
import { pageOfReferrers } from './referrers-page.ts';
import type { Page, PageOf, RegistryLists } from './registry.ts';

const pageLimit = 1_000;

export function createLists(context: RegistryContext): RegistryLists {
  const { repositories } = context;
  return {
    repositories: async (page) => takePage(await repositories.names(), page),
    tags: async (repository, page) => takePage((await repositories.get(repository)).tags(), page),
    async referrers(repository, subject, page) {
      const state = await repositories.find(repository);
      if (state === undefined) return { items: [], more: false };
      await loadGraph(context, state);
      const all = state.referrers(subject).map(({ info, facts }): Descriptor => ({
        mediaType: info.mediaType,
        digest: info.digest,
        size: info.sizeBytes,
        ...(facts.artifactType === undefined ? {} : { artifactType: facts.artifactType }),
        ...(facts.annotations === undefined ? {} : { annotations: facts.annotations }),
      }));
      return pageOfReferrers(all, page);
    },
  };
}

/** Of a sorted list. */
function takePage<Item extends string>(
  all: readonly Item[],
  { limit = pageLimit, after }: Page = {},
): PageOf<Item> {
  const place = after === undefined ? 0 : placeOf(all, after);
  const start = all[place] === after ? place + 1 : place;
  const end = start + Math.min(limit, pageLimit);
  return { items: all.slice(start, end), more: end < all.length };
}
