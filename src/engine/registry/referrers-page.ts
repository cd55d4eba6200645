import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import { byCode } from './by-code.ts';
import type { PageOf, ReferrersPage } from './registry.ts';

/** OCI distribution spec, "Listing Referrers": an answer must not be larger than a manifest may be, which clients take 4 MiB for. */
const pageBytes = 2 * 1024 * 1024;
const pageLimit = 1_000;

/** The wanted page of all that refers to one subject. */
export function pageOfReferrers(
  all: readonly Descriptor[],
  { artifactType, after, limit = pageLimit }: ReferrersPage = {},
): PageOf<Descriptor> {
  const wanted = all
    .filter((each) => artifactType === undefined || each.artifactType === artifactType)
    .filter(({ digest }) => after === undefined || digest > after)
    .toSorted((a, b) => byCode(a.digest, b.digest));
  const items: Descriptor[] = [];
  let bytes = 0;
  for (const each of wanted) {
    bytes += Buffer.byteLength(JSON.stringify(each));
    // One at least, or nobody would ever come past it.
    if (items.length >= Math.min(limit, pageLimit) || (items.length > 0 && bytes > pageBytes)) break;
    items.push(each);
  }
  return { items, more: items.length < wanted.length };
}
