import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { faultPoint } from '../../foundation/base/fault.ts';
import { parseJsonDocument } from '../../foundation/oci/bounded-json.ts';
import { parseDigest } from '../../foundation/oci/digest.ts';
import { mediaTypes } from '../../foundation/oci/media-types.ts';
import { isTag } from '../../foundation/oci/reference.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { ShelfContext } from './blob-shelf.ts';
import { errnoOf, unlessMissing } from './errno.ts';
import { repositoriesWith } from './walk.ts';
import type { IndexEntry, IndexShelf } from './store.ts';

/** OCI image spec, annotations.md: what an entry of index.json is called. */
const nameAnnotation = 'org.opencontainers.image.ref.name';
const layoutFile = JSON.stringify({ imageLayoutVersion: '1.0.0' });
const indexLimits = { bytes: 256 * 1024 * 1024, entries: 1_000_000 };

export function createIndexShelf({ paths, folders, syncDirectory }: ShelfContext, root: string): IndexShelf {
  const indexPath = (repository: RepositoryName): string => join(paths.repository(repository), 'index.json');
  // The temporary file lies where leftovers are swept.
  const replaceFile = async (path: string, text: string): Promise<void> => {
    const temporary = join(paths.uploads, `index-${randomBytes(16).toString('hex')}`);
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(text);
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
  return {
    repositories: () => repositoriesWith(root, 'index.json'),
    async read(repository) {
      const bytes = await readFile(indexPath(repository)).catch(unlessMissing);
      return bytes === undefined ? undefined : readIndex(bytes, repository);
    },
    async write(repository, entries) {
      const folder = paths.repository(repository);
      await folders.within(join(folder, 'blobs', 'sha256'), async () => {
        if ((await stat(join(folder, 'oci-layout')).catch(unlessMissing)) === undefined)
          await replaceFile(join(folder, 'oci-layout'), layoutFile);
        await replaceFile(indexPath(repository), formatIndex(entries));
      });
    },
    async remove(repository) {
      const folder = paths.repository(repository);
      // The index first: what is left without it is no repository.
      await unlink(indexPath(repository)).catch(unlessMissing);
      await unlink(join(folder, 'oci-layout')).catch(unlessMissing);
      await syncDirectory(folder).catch(unlessMissing);
      folders.forget(folder);
      // A blob may have come meanwhile, and others' folders may lie below.
      for (const name of ['blobs/sha256', 'blobs/sha512', 'blobs', '.'])
        await rmdir(join(folder, name)).catch(unlessFull);
    },
  };
}

function unlessFull(error: unknown): void {
  if (errnoOf(error) !== 'ENOTEMPTY') unlessMissing(error);
}

function formatIndex(entries: readonly IndexEntry[]): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: entries.map(({ mediaType, digest, size, tag }) => ({
      mediaType,
      digest,
      size,
      ...(tag === undefined ? {} : { annotations: { [nameAnnotation]: tag } }),
    })),
  });
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
