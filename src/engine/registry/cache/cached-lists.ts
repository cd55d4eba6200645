import type { RepositoryName } from '../../../foundation/oci/repository-name.ts';
import { withDeadline } from '../../../foundation/base/deadline.ts';
import { pageOfReferrers } from '../referrers-page.ts';
import type { Page, PageOf, RegistryLists } from '../registry.ts';
import { type CacheContext, fromUpstream, isOutOfReach } from './context.ts';

const defaultLimit = 1000;

/** Tags and referrers are the upstream's while it can be reached, then what was seen; repositories are those that were asked for. */
export function createCachedLists(context: CacheContext): RegistryLists {
  const { index, upstreamOf, patienceMs, log, now } = context;
  return {
    repositories: async (page) => paged(page, (limit, after) => index.repositories({ limit, after })),
    async tags(repository, page) {
      try {
        return await withDeadline(upstreamTags(context, repository, page), patienceMs, 'the list of tags');
      } catch (error) {
        if (!isOutOfReach(error)) throw fromUpstream(error, 'manifest-unknown', log);
        return paged(page, (limit, after) => index.tags(repository, { limit, after }));
      }
    },
    async referrers(repository, subject, options) {
      const { questions, reference } = upstreamOf(repository);
      try {
        const all = await withDeadline(
          questions.referrers(reference, subject),
          patienceMs,
          'the list of referrers',
        );
        index.setReferrers(repository, subject, all, now());
        return pageOfReferrers(all, options);
      } catch (error) {
        if (!isOutOfReach(error)) throw fromUpstream(error, 'manifest-unknown', log);
        return pageOfReferrers(index.referrers(repository, subject), options);
      }
    },
  };
}

async function upstreamTags(
  { upstreamOf }: CacheContext,
  repository: RepositoryName,
  page: Page = {},
): Promise<PageOf<string>> {
  const limit = page.limit ?? defaultLimit;
  if (limit === 0) return { items: [], more: false };
  const { questions, reference } = upstreamOf(repository);
  const { after } = page;
  const asked = { limit: limit + 1, ...(after === undefined ? {} : { after }) };
  const tags = (await questions.tags(reference, asked)).toSorted();
  // Registries differ in whether they honour the limit and the beginning.
  const rest = tags.filter((tag) => after === undefined || tag > after);
  return { items: rest.slice(0, limit), more: rest.length > limit };
}

function paged<T>(page: Page | undefined, list: (limit: number, after: string) => T[]): PageOf<T> {
  const limit = page?.limit ?? defaultLimit;
  const items = list(limit + 1, page?.after ?? '');
  return { items: items.slice(0, limit), more: items.length > limit };
}
