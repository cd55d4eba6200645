import { open, type FileHandle } from 'node:fs/promises';
import { parseJsonDocument } from '../../foundation/oci/bounded-json.ts';
import { type Digest, isDigest } from '../../foundation/oci/digest.ts';
import type { IndexChange, IndexEntry } from './store.ts';

/**
 * Changes of one repository that its index.json does not have yet: one JSON line each, in order. Doing them once more changes nothing, so it does not
 * matter whether the index.json beside them has some of them already.
 */
export interface IndexJournal {
  readonly sizeBytes: number;
  /** Resolves when they are on the disk. After a failure the journal must not be used any more: nobody knows its end. */
  append(changes: readonly IndexChange[]): Promise<void>;
  close(): Promise<void>;
}

const lineLimitBytes = 4096;

/** A new one; fails with `EEXIST` where another run left one. Its name lasts once the folder is brought to the disk. */
export async function createJournal(path: string): Promise<IndexJournal> {
  const file: FileHandle = await open(path, 'wx', 0o600);
  let sizeBytes = 0;
  return {
    get sizeBytes() {
      return sizeBytes;
    },
    async append(changes) {
      const text = Buffer.from(changes.map((change) => `${JSON.stringify(change)}\n`).join(''));
      for (let done = 0; done < text.byteLength;)
        done += (await file.write(text, done, text.byteLength - done)).bytesWritten;
      sizeBytes += text.byteLength;
      await file.datasync();
    },
    close: () => file.close(),
  };
}

/** What the index says with the changes done. What follows a line that cannot be read was never acknowledged. */
export function withJournal(entries: readonly IndexEntry[], journal: Uint8Array): IndexEntry[] {
  const manifests = new Map(entries.map((entry) => [entry.digest, entry] as const));
  const tags = new Map(entries.flatMap(({ tag, digest }) => (tag === undefined ? [] : [[tag, digest]])));
  for (let start = 0; start < journal.byteLength;) {
    const end = journal.indexOf(0x0a, start);
    const change = end < 0 ? undefined : findChange(journal.subarray(start, end));
    if (change === undefined) break;
    apply(change, { manifests, tags });
    start = end + 1;
  }
  const tagged = new Set(tags.values());
  const named = [...tags].flatMap(([tag, digest]) => {
    const entry = manifests.get(digest);
    return entry === undefined ? [] : [{ ...bare(entry), tag }];
  });
  return [...named, ...[...manifests.values()].filter(({ digest }) => !tagged.has(digest)).map(bare)];
}

const bare = ({ mediaType, digest, size }: IndexEntry): IndexEntry => ({ mediaType, digest, size });

function apply(
  change: IndexChange,
  { manifests, tags }: { manifests: Map<Digest, IndexEntry>; tags: Map<string, Digest> },
): void {
  switch (change.kind) {
    case 'manifest':
      manifests.set(change.digest, bare(change));
      break;
    case 'tag':
      tags.set(change.tag, change.digest);
      break;
    case 'untag':
      tags.delete(change.tag);
      break;
    case 'gone':
      manifests.delete(change.digest);
      for (const [tag, digest] of tags) if (digest === change.digest) tags.delete(tag);
      break;
  }
}

function findChange(line: Uint8Array): IndexChange | undefined {
  try {
    const document = parseJsonDocument(line, 'a line of the journal', lineLimitBytes);
    const kind = document.string('kind');
    const tag = document.string('tag');
    const text = document.string('digest') ?? '';
    const digest = isDigest(text) ? text : undefined;
    const mediaType = document.string('mediaType');
    const size = document.integer('size');
    if (kind === 'untag' && tag !== undefined) return { kind, tag };
    if (kind === 'gone' && digest !== undefined) return { kind, digest };
    if (kind === 'tag' && tag !== undefined && digest !== undefined) return { kind, tag, digest };
    if (kind === 'manifest' && digest !== undefined && mediaType !== undefined && size !== undefined)
      return { kind, digest, mediaType, size };
    return undefined;
  } catch {
    return undefined;
  }
}
