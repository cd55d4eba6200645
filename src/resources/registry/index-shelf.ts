import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createKeyLock } from '../../foundation/base/key-lock.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { parseJsonDocument } from '../../foundation/oci/bounded-json.ts';
import { parseDigest } from '../../foundation/oci/digest.ts';
import { mediaTypes } from '../../foundation/oci/media-types.ts';
import { isTag } from '../../foundation/oci/reference.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { ShelfContext } from './blob-shelf.ts';
import { errnoOf, unlessMissing } from './errno.ts';
import { createJournal, type IndexJournal, withJournal } from './index-journal.ts';
import { repositoriesWith } from './walk.ts';
import type { IndexEntry, IndexShelf, WholeIndex } from './store.ts';

/** OCI image spec, annotations.md: what an entry of index.json is called. */
const nameAnnotation = 'org.opencontainers.image.ref.name';
const layoutFile = JSON.stringify({ imageLayoutVersion: '1.0.0' });
const indexLimits = { bytes: 256 * 1024 * 1024, entries: 1_000_000 };
const journalLimitBytes = 64 * 1024 * 1024;
/** Entries that are put into text at once: one millisecond's work. */
const slice = 2_000;

export interface IndexShelfOptions {
  /** Above so many entries changes go to a journal first, so that a push does not cost what the repository has. */
  journalAbove?: number;
  /** For so long at most index.json, which other tools read, may lag behind. */
  lagMs?: number;
}

export interface ClosableIndexShelf extends IndexShelf, AsyncDisposable {}

interface OpenJournal {
  journal: IndexJournal;
  whole: WholeIndex;
  timer: ReturnType<typeof setTimeout>;
}

export function createIndexShelf(
  { paths, folders, syncDirectory }: ShelfContext,
  root: string,
  { journalAbove = 1_000, lagMs = 15_000 }: IndexShelfOptions = {},
): ClosableIndexShelf {
  const indexPath = (repository: RepositoryName): string => join(paths.repository(repository), 'index.json');
  const journalPath = (repository: RepositoryName): string =>
    join(paths.repository(repository), '.index-journal');
  const locks = createKeyLock();
  const journals = new Map<RepositoryName, OpenJournal>();

  // The temporary file lies where leftovers are swept.
  const replaceFile = async (path: string, texts: Iterable<string>): Promise<void> => {
    const temporary = join(paths.uploads, `index-${randomBytes(16).toString('hex')}`);
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        for (const text of texts) await writeText(file, text);
        await file.sync();
      } finally {
        await file.close();
      }
      faultPoint('registry.index.before-rename');
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(unlessMissing);
      throw error;
    }
    faultPoint('registry.index.after-rename');
    await syncDirectory(join(path, '..'));
  };
  const leave = async (repository: RepositoryName): Promise<void> => {
    const opened = journals.get(repository);
    journals.delete(repository);
    clearTimeout(opened?.timer);
    await opened?.journal.close().catch(() => undefined);
  };
  const writeWhole = async (repository: RepositoryName, entries: readonly IndexEntry[]): Promise<void> => {
    const folder = paths.repository(repository);
    await folders.within(join(folder, 'blobs', 'sha256'), async () => {
      if ((await stat(join(folder, 'oci-layout')).catch(unlessMissing)) === undefined)
        await replaceFile(join(folder, 'oci-layout'), [layoutFile]);
      await replaceFile(indexPath(repository), formatIndex(entries));
    });
    await leave(repository);
    faultPoint('registry.index.before-journal-gone');
    const gone = await unlink(journalPath(repository)).then(() => true, unlessMissing);
    // One that came back by a loss of power would undo what follows.
    if (gone === true) await syncDirectory(folder);
  };
  const fold = (repository: RepositoryName): Promise<void> =>
    locks.run(repository, async () => {
      const opened = journals.get(repository);
      if (opened !== undefined) await writeWhole(repository, opened.whole.entries());
    });
  const foldLater = (repository: RepositoryName): ReturnType<typeof setTimeout> =>
    setTimeout(() => {
      fold(repository).catch(() => {
        // A full disk, say. The changes are in the journal: it is tried again.
        const opened = journals.get(repository);
        if (opened !== undefined) opened.timer = foldLater(repository);
      });
    }, lagMs).unref();
  /** Undefined where the whole is to be written instead. */
  const openJournal = async (
    repository: RepositoryName,
    whole: WholeIndex,
  ): Promise<OpenJournal | undefined> => {
    const known = journals.get(repository);
    if (known !== undefined) return known.journal.sizeBytes < journalLimitBytes ? known : undefined;
    if ((await stat(indexPath(repository)).catch(unlessMissing)) === undefined) return undefined;
    try {
      const journal = await createJournal(journalPath(repository));
      const opened = { journal, whole, timer: foldLater(repository) };
      journals.set(repository, opened);
      await syncDirectory(paths.repository(repository));
      return opened;
    } catch (error) {
      // An earlier run left it, or a failure of ours.
      if (errnoOf(error) === 'EEXIST') return undefined;
      throw error;
    }
  };
  return {
    repositories: () => repositoriesWith(root, 'index.json'),
    read: (repository) =>
      locks.run(repository, async () => {
        const bytes = await readFile(indexPath(repository)).catch(unlessMissing);
        if (bytes === undefined) return undefined;
        const entries = readIndex(bytes, repository);
        const journal = await readFile(journalPath(repository)).catch(unlessMissing);
        if (journal === undefined) return entries;
        const all = withJournal(entries, journal);
        // Of a run that died: other tools should see it. Where it cannot be written it is tried with the next change.
        if (!journals.has(repository)) await writeWhole(repository, all).catch(() => undefined);
        return all;
      }),
    change: (repository, changes, whole) =>
      locks.run(repository, async () => {
        const opened = whole.size > journalAbove ? await openJournal(repository, whole) : undefined;
        if (opened === undefined) return writeWhole(repository, whole.entries());
        opened.whole = whole;
        try {
          await opened.journal.append(changes);
        } catch (error) {
          await leave(repository);
          throw error;
        }
        faultPoint('registry.index.journaled');
      }),
    remove: (repository) =>
      locks.run(repository, async () => {
        const folder = paths.repository(repository);
        // What the journal took away must not come back without it.
        if ((await stat(journalPath(repository)).catch(unlessMissing)) !== undefined)
          await writeWhole(repository, []);
        // The index first: what is left without it is no repository.
        await unlink(indexPath(repository)).catch(unlessMissing);
        await unlink(join(folder, 'oci-layout')).catch(unlessMissing);
        await syncDirectory(folder).catch(unlessMissing);
        folders.forget(folder);
        // A blob may have come meanwhile, and others' folders may lie below.
        for (const name of ['blobs/sha256', 'blobs/sha512', 'blobs', '.'])
          await rmdir(join(folder, name)).catch(unlessFull);
      }),
    async [Symbol.asyncDispose]() {
      // What cannot be folded is read with its journal the next time.
      for (const repository of journals.keys()) await fold(repository).catch(() => leave(repository));
    },
  };
}

async function writeText(file: FileHandle, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.byteLength;)
    done += (await file.write(bytes, done, bytes.byteLength - done)).bytesWritten;
}

function unlessFull(error: unknown): void {
  if (errnoOf(error) !== 'ENOTEMPTY') unlessMissing(error);
}

/** In pieces, so that other requests are served in between. */
function* formatIndex(entries: readonly IndexEntry[]): Generator<string> {
  yield `{"schemaVersion":2,"mediaType":"${mediaTypes.ociIndex}","manifests":[`;
  for (let start = 0; start < entries.length; start += slice) {
    const texts = entries.slice(start, start + slice).map(formatEntry);
    yield (start === 0 ? '' : ',') + texts.join(',');
  }
  yield ']}';
}

function formatEntry({ mediaType, digest, size, tag }: IndexEntry): string {
  const annotations = tag === undefined ? {} : { annotations: { [nameAnnotation]: tag } };
  return JSON.stringify({ mediaType, digest, size, ...annotations });
}

/** Also what other tools wrote: an annotation that is no tag (a whole image name) names nothing here. */
function readIndex(bytes: Uint8Array, repository: RepositoryName): IndexEntry[] {
  const document = parseJsonDocument(bytes, `index.json of ${repository}`, indexLimits.bytes);
  return (document.objects('manifests', indexLimits.entries) ?? []).flatMap((entry) => {
    const mediaType = entry.string('mediaType');
    const digest = entry.string('digest');
    const size = entry.integer('size');
    if (mediaType === undefined || digest === undefined || size === undefined) return [];
    const tag = entry.stringMap('annotations', 1_000)?.[nameAnnotation];
    return [
      { mediaType, digest: parseDigest(digest), size, ...(tag !== undefined && isTag(tag) ? { tag } : {}) },
    ];
  });
}
