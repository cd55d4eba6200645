import type { Database } from '../../../foundation/db/database.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../../foundation/oci/repository-name.ts';

/**
 * What the cache knows besides bytes: which repository upstream has which blobs, and what its tags named when they were looked at last. All of it can be
 * asked again, so it is written relaxed.
 */
export interface CacheIndex {
  tag(repository: RepositoryName, tag: string): { digest: Digest; checkedMs: number } | undefined;
  setTag(repository: RepositoryName, tag: string, digest: Digest, checkedMs: number): void;
  dropTag(repository: RepositoryName, tag: string): void;
  tags(repository: RepositoryName, page: { limit: number; after: string }): string[];
  repositories(page: { limit: number; after: string }): RepositoryName[];
  member(repository: RepositoryName, digest: Digest): Member | undefined;
  /** What a manifest says of its parts: their size, not yet that the repository has them. */
  expect(repository: RepositoryName, parts: readonly { digest: Digest; sizeBytes: number }[]): void;
  /** The repository upstream showed that it has it. */
  confirm(
    repository: RepositoryName,
    member: { digest: Digest; sizeBytes: number; mediaType?: string },
  ): void;
  /** What referred to it when it was asked for last; none when nobody asked. */
  referrers(repository: RepositoryName, subject: Digest): Descriptor[];
  setReferrers(
    repository: RepositoryName,
    subject: Digest,
    list: readonly Descriptor[],
    seenMs: number,
  ): void;
  usage(repository: RepositoryName): { blobs: number; sizeBytes: number };
  stored(digest: Digest, sizeBytes: number, usedMs: number): void;
  used(digest: Digest, usedMs: number): void;
  removed(digest: Digest): void;
  storedBytes(): number;
  /** Longest unused first. */
  leastUsed(limit: number): { digest: Digest; sizeBytes: number }[];
}

export interface Member {
  sizeBytes: number;
  /** Of manifests. */
  mediaType: string | undefined;
  confirmed: boolean;
}

const schema = [
  `CREATE TABLE cached_tags (
     repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, checked_ms INTEGER NOT NULL,
     PRIMARY KEY (repository, tag)) WITHOUT ROWID`,
  `CREATE TABLE cached_members (
     repository TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, media_type TEXT, confirmed INTEGER NOT NULL,
     PRIMARY KEY (repository, digest)) WITHOUT ROWID`,
  'CREATE TABLE cached_blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL, used_ms INTEGER NOT NULL) WITHOUT ROWID',
  'CREATE INDEX cached_blobs_by_use ON cached_blobs (used_ms)',
  `CREATE TABLE cached_referrers (
     repository TEXT NOT NULL, subject TEXT NOT NULL, list TEXT NOT NULL, seen_ms INTEGER NOT NULL,
     PRIMARY KEY (repository, subject)) WITHOUT ROWID`,
  'CREATE INDEX cached_referrers_by_time ON cached_referrers (seen_ms)',
];

/** Lists of referrers that are kept; the oldest go. */
const keptLists = 10_000;

export function openCacheIndex(db: Database): CacheIndex {
  db.migrate('registry-cache', schema);
  return {
    tag(repository, tag) {
      const row = db.first<{ digest: Digest; checked_ms: number }>(
        'SELECT digest, checked_ms FROM cached_tags WHERE repository = ? AND tag = ?',
        repository,
        tag,
      );
      return row && { digest: row.digest, checkedMs: row.checked_ms };
    },
    setTag: (repository, tag, digest, checkedMs) =>
      void db.runRelaxed(
        `INSERT INTO cached_tags VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET digest = excluded.digest, checked_ms = excluded.checked_ms`,
        repository,
        tag,
        digest,
        checkedMs,
      ),
    dropTag: (repository, tag) =>
      void db.runRelaxed('DELETE FROM cached_tags WHERE repository = ? AND tag = ?', repository, tag),
    tags: (repository, { limit, after }) =>
      db
        .all<{ tag: string }>(
          'SELECT tag FROM cached_tags WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?',
          repository,
          after,
          limit,
        )
        .map(({ tag }) => tag),
    repositories: ({ limit, after }) =>
      db
        .all<{ repository: RepositoryName }>(
          'SELECT DISTINCT repository FROM cached_members WHERE confirmed = 1 AND repository > ? ORDER BY repository LIMIT ?',
          after,
          limit,
        )
        .map(({ repository }) => repository),
    member(repository, digest) {
      const row = db.first<{ size: number; media_type: string | null; confirmed: number }>(
        'SELECT size, media_type, confirmed FROM cached_members WHERE repository = ? AND digest = ?',
        repository,
        digest,
      );
      return (
        row && { sizeBytes: row.size, mediaType: row.media_type ?? undefined, confirmed: row.confirmed === 1 }
      );
    },
    expect: (repository, parts) =>
      db.transactionRelaxed(() => {
        for (const { digest, sizeBytes } of parts)
          db.run(
            'INSERT OR IGNORE INTO cached_members VALUES (?, ?, ?, NULL, 0)',
            repository,
            digest,
            sizeBytes,
          );
      }),
    confirm: (repository, { digest, sizeBytes, mediaType }) =>
      void db.runRelaxed(
        `INSERT INTO cached_members VALUES (?, ?, ?, ?, 1)
         ON CONFLICT DO UPDATE SET size = excluded.size, confirmed = 1,
           media_type = coalesce(excluded.media_type, media_type)`,
        repository,
        digest,
        sizeBytes,
        mediaType ?? null,
      ),
    referrers(repository, subject) {
      const row = db.first<{ list: string }>(
        'SELECT list FROM cached_referrers WHERE repository = ? AND subject = ?',
        repository,
        subject,
      );
      return row === undefined ? [] : (JSON.parse(row.list) as Descriptor[]);
    },
    setReferrers: (repository, subject, list, seenMs) =>
      db.transactionRelaxed(() => {
        db.run('DELETE FROM cached_referrers WHERE repository = ? AND subject = ?', repository, subject);
        // Most subjects have none, and clients may ask for any.
        if (list.length === 0) return;
        const text = JSON.stringify(list);
        db.run('INSERT INTO cached_referrers VALUES (?, ?, ?, ?)', repository, subject, text, seenMs);
        db.run(
          'DELETE FROM cached_referrers WHERE seen_ms < (SELECT seen_ms FROM cached_referrers ORDER BY seen_ms DESC LIMIT 1 OFFSET ?)',
          keptLists,
        );
      }),
    usage: (repository) =>
      db.first<{ blobs: number; sizeBytes: number }>(
        `SELECT count(*) AS blobs, coalesce(sum(cached_blobs.size), 0) AS sizeBytes
         FROM cached_members JOIN cached_blobs USING (digest) WHERE repository = ? AND confirmed = 1`,
        repository,
      ) ?? { blobs: 0, sizeBytes: 0 },
    stored: (digest, sizeBytes, usedMs) =>
      void db.runRelaxed(
        'INSERT INTO cached_blobs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET size = excluded.size, used_ms = excluded.used_ms',
        digest,
        sizeBytes,
        usedMs,
      ),
    used: (digest, usedMs) =>
      void db.runRelaxed('UPDATE cached_blobs SET used_ms = ? WHERE digest = ?', usedMs, digest),
    removed: (digest) => void db.runRelaxed('DELETE FROM cached_blobs WHERE digest = ?', digest),
    storedBytes: () =>
      db.first<{ sum: number | null }>('SELECT sum(size) AS sum FROM cached_blobs')?.sum ?? 0,
    leastUsed: (limit) =>
      db
        .all<{ digest: Digest; size: number }>(
          'SELECT digest, size FROM cached_blobs ORDER BY used_ms LIMIT ?',
          limit,
        )
        .map(({ digest, size }) => ({ digest, sizeBytes: size })),
  };
}
