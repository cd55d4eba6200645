import type { Page, PageOf, Registry } from '../../engine/registry/registry.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';

/** Repositories that are looked at for one page, when most of them are not the reader's. */
const lookedAtMost = 10_000;
const defaultLimit = 1000;

/** A page of those that its reader may see. `more` may turn out to be nothing. */
export async function visibleRepositories(
  lists: Pick<Registry['lists'], 'repositories'>,
  isVisible: (name: RepositoryName) => boolean,
  { limit = defaultLimit, after }: Page = {},
): Promise<PageOf<RepositoryName>> {
  const items: RepositoryName[] = [];
  let position = after;
  for (let looked = 0; looked < lookedAtMost;) {
    const page = await lists.repositories({
      limit: defaultLimit,
      ...(position === undefined ? {} : { after: position }),
    });
    for (const name of page.items) {
      looked++;
      position = name;
      if (!isVisible(name)) continue;
      if (items.length >= limit) return { items, more: true };
      items.push(name);
    }
    if (!page.more || page.items.length === 0) return { items, more: false };
  }
  return { items, more: true };
}
