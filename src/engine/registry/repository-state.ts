import type { Digest } from '../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { IndexEntry } from '../../resources/registry/store.ts';
import type { ManifestFacts } from './manifest-facts.ts';
import type { ManifestInfo, ManifestReference } from './registry.ts';

/**
 * The names of one repository in memory, with what its manifests refer to as far as it was read. Changes are made here first and then written
 * (`repositories.ts`), so everybody sees them in one order.
 */
export interface RepositoryState {
  readonly name: RepositoryName;
  find(reference: ManifestReference): ManifestInfo | undefined;
  has(digest: Digest): boolean;
  manifests(): IterableIterator<ManifestInfo>;
  /** In lexical order. */
  tags(): readonly string[];
  tagged(): ReadonlySet<Digest>;
  put(info: ManifestInfo, facts: ManifestFacts | undefined, tag: string | undefined): void;
  removeTag(tag: string): boolean;
  removeManifest(digest: Digest): boolean;
  entries(): IndexEntry[];
  facts(digest: Digest): ManifestFacts | undefined;
  learn(digest: Digest, facts: ManifestFacts): void;
  /** Whether the facts of all its manifests are known. */
  isKnown(): boolean;
  /** Whether a manifest whose facts are known refers to it: as a blob, as an index's manifest, or by `foreign`. */
  isReferred(digest: Digest): boolean;
  /** Manifests with this subject, oldest first. */
  referrers(subject: Digest): { info: ManifestInfo; facts: ManifestFacts }[];
}

export function createRepositoryState(name: RepositoryName, stored: readonly IndexEntry[]): RepositoryState {
  const manifests = new Map<Digest, ManifestInfo>();
  const digestOfTag = new Map<string, Digest>();
  const known = new Map<Digest, ManifestFacts>();
  const referenceCounts = new Map<Digest, number>();
  let sortedTags: string[] | undefined;
  for (const { digest, mediaType, size, tag } of stored) {
    manifests.set(digest, { digest, mediaType, sizeBytes: size });
    if (tag !== undefined) digestOfTag.set(tag, digest);
  }
  const count = (facts: ManifestFacts, step: 1 | -1): void => {
    for (const digest of referencesOf(facts)) {
      const next = (referenceCounts.get(digest) ?? 0) + step;
      if (next > 0) referenceCounts.set(digest, next);
      else referenceCounts.delete(digest);
    }
  };
  const learn = (digest: Digest, facts: ManifestFacts): void => {
    if (known.has(digest) || !manifests.has(digest)) return;
    known.set(digest, facts);
    count(facts, 1);
  };
  return {
    name,
    learn,
    isKnown: () => known.size === manifests.size,
    find(reference) {
      const digest = reference.kind === 'tag' ? digestOfTag.get(reference.tag) : reference.digest;
      return digest === undefined ? undefined : manifests.get(digest);
    },
    has: (digest) => manifests.has(digest),
    manifests: () => manifests.values(),
    tags: () => (sortedTags ??= [...digestOfTag.keys()].toSorted(byCode)),
    tagged: () => new Set(digestOfTag.values()),
    put(info, facts, tag) {
      manifests.set(info.digest, info);
      if (facts !== undefined) learn(info.digest, facts);
      if (tag === undefined) return;
      if (!digestOfTag.has(tag)) sortedTags = undefined;
      digestOfTag.set(tag, info.digest);
    },
    removeTag(tag) {
      sortedTags = undefined;
      return digestOfTag.delete(tag);
    },
    removeManifest(digest) {
      if (!manifests.delete(digest)) return false;
      sortedTags = undefined;
      for (const [tag, target] of digestOfTag) if (target === digest) digestOfTag.delete(tag);
      const facts = known.get(digest);
      if (facts !== undefined) count(facts, -1);
      known.delete(digest);
      return true;
    },
    entries() {
      const tagged = new Set(digestOfTag.values());
      const toEntry = ({ digest, mediaType, sizeBytes }: ManifestInfo): IndexEntry => ({
        mediaType,
        digest,
        size: sizeBytes,
      });
      const untagged = [...manifests.values()].filter(({ digest }) => !tagged.has(digest)).map(toEntry);
      const named = [...digestOfTag].flatMap(([tag, digest]) => {
        const info = manifests.get(digest);
        return info === undefined ? [] : [{ ...toEntry(info), tag }];
      });
      return [...named, ...untagged];
    },
    facts: (digest) => known.get(digest),
    isReferred: (digest) => referenceCounts.has(digest),
    referrers: (subject) =>
      [...known].flatMap(([digest, facts]) => {
        const info = facts.subject === subject ? manifests.get(digest) : undefined;
        return info === undefined ? [] : [{ info, facts }];
      }),
  };
}

function* referencesOf(facts: ManifestFacts): Generator<Digest> {
  const all = [...facts.blobs, ...facts.children].map(({ digest }) => digest);
  yield* new Set([...all, ...facts.foreign]);
}

/** As the specification's "lexical order" of ASCII names. */
export function byCode(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
