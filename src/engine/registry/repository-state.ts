import type { Digest } from '../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { IndexChange, IndexEntry } from '../../resources/registry/store.ts';
import { byCode, placeOf } from './by-code.ts';
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
  /** Of `entries`. */
  readonly size: number;
  entries(): IndexEntry[];
  /** What happened since it was asked for last: for the store. */
  takeChanges(): IndexChange[];
  facts(digest: Digest): ManifestFacts | undefined;
  learn(digest: Digest, facts: ManifestFacts): void;
  /** Whether the facts of all its manifests are known. */
  isKnown(): boolean;
  /** Whether a manifest whose facts are known refers to it: as a blob, as an index's manifest, or by `foreign`. */
  isReferred(digest: Digest): boolean;
  /** Manifests with this subject. */
  referrers(subject: Digest): { info: ManifestInfo; facts: ManifestFacts }[];
}

export function createRepositoryState(name: RepositoryName, stored: readonly IndexEntry[]): RepositoryState {
  const manifests = new Map<Digest, ManifestInfo>();
  const digestOfTag = new Map<string, Digest>();
  const known = new Map<Digest, ManifestFacts>();
  const referenceCounts = new Map<Digest, number>();
  const attached = new Map<Digest, Set<Digest>>();
  let changes: IndexChange[] = [];
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
    if (facts.subject === undefined) return;
    const others = attached.get(facts.subject) ?? new Set();
    attached.set(facts.subject, others.add(digest));
  };
  const forget = (digest: Digest): void => {
    const facts = known.get(digest);
    if (facts === undefined) return;
    known.delete(digest);
    count(facts, -1);
    if (facts.subject === undefined) return;
    const others = attached.get(facts.subject);
    others?.delete(digest);
    if (others?.size === 0) attached.delete(facts.subject);
  };
  const dropTag = (tag: string): boolean => {
    if (!digestOfTag.delete(tag)) return false;
    if (sortedTags !== undefined) sortedTags.splice(placeOf(sortedTags, tag), 1);
    return true;
  };
  return {
    name,
    learn,
    get size() {
      return manifests.size + digestOfTag.size;
    },
    takeChanges() {
      const taken = changes;
      changes = [];
      return taken;
    },
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
      const { digest, mediaType, sizeBytes } = info;
      manifests.set(digest, info);
      changes.push({ kind: 'manifest', digest, mediaType, size: sizeBytes });
      if (facts !== undefined) learn(digest, facts);
      if (tag === undefined) return;
      if (sortedTags !== undefined && !digestOfTag.has(tag))
        sortedTags.splice(placeOf(sortedTags, tag), 0, tag);
      digestOfTag.set(tag, digest);
      changes.push({ kind: 'tag', tag, digest });
    },
    removeTag(tag) {
      if (!dropTag(tag)) return false;
      changes.push({ kind: 'untag', tag });
      return true;
    },
    removeManifest(digest) {
      if (!manifests.delete(digest)) return false;
      for (const [tag, target] of digestOfTag) if (target === digest) dropTag(tag);
      changes.push({ kind: 'gone', digest });
      forget(digest);
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
      [...(attached.get(subject) ?? [])].flatMap((digest) => {
        const [info, facts] = [manifests.get(digest), known.get(digest)];
        return info === undefined || facts === undefined ? [] : [{ info, facts }];
      }),
  };
}

function* referencesOf(facts: ManifestFacts): Generator<Digest> {
  const all = [...facts.blobs, ...facts.children].map(({ digest }) => digest);
  yield* new Set([...all, ...facts.foreign]);
}
