import { lstat, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { corrupt } from '../../../foundation/base/errors.ts';
import { extractLocal } from '../copy/local.ts';

const blobName = /^[0-9a-f]{64}$/;
const layoutFiles = ['oci-layout', 'index.json'];
const incoming = '.incoming-';
const leftoverAgeMs = 24 * 3600 * 1000;

/**
 * Takes a cache into a folder that may have an older one: an OCI image layout. Readers find the old one or the new one, whenever this ends: blobs come first, then
 * the index by one rename, then blobs that the new one does not have go. Links of the archive are not taken: the files are read again for the engine.
 */
export async function writeCacheFolder(archive: AsyncIterable<Buffer>, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const blobs = await openBlobs(folder, (path) => mkdir(path, { recursive: true }));
  await removeLeftovers(folder);
  const staging = await mkdtemp(join(folder, incoming));
  try {
    await extractLocal(archive, { directory: staging, rename: { from: '', to: '' }, keepOwners: false });
    const source = await openBlobs(staging);
    for (const name of layoutFiles)
      if (!(await lstat(join(staging, name))).isFile()) throw notACache(name, 'a regular file');
    const brought = (await readdir(source, { withFileTypes: true }))
      .filter((entry) => entry.isFile() && blobName.test(entry.name))
      .map(({ name }) => name);
    for (const name of brought) await rename(join(source, name), join(blobs, name));
    for (const name of layoutFiles) await rename(join(staging, name), join(folder, name));
    const kept = new Set(brought);
    for (const name of await readdir(blobs))
      if (blobName.test(name) && !kept.has(name)) await rm(join(blobs, name), { force: true });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** The folder of blobs, which no link leads to. */
async function openBlobs(folder: string, make?: (path: string) => Promise<unknown>): Promise<string> {
  for (const path of ['blobs', 'blobs/sha256']) {
    const found = await lstat(join(folder, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' || make === undefined) throw error;
    });
    if (found === undefined) await make?.(join(folder, path));
    else if (!found.isDirectory()) throw notACache(path, 'a directory');
  }
  return join(folder, 'blobs', 'sha256');
}

const notACache = (path: string, wanted: string) =>
  corrupt(`${path} of the cache is not ${wanted}`, { code: 'bad-cache' });

/** Of writers that were killed long ago. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(incoming)) continue;
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
    if (mtimeMs < Date.now() - leftoverAgeMs) await rm(path, { recursive: true, force: true });
  }
}
