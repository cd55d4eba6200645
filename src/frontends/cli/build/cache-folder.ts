import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { extractLocal } from '../copy/local.ts';

const blobName = /^[0-9a-f]{64}$/;
const incoming = '.incoming-';
const leftoverAgeMs = 24 * 3600 * 1000;

/**
 * Takes a cache into a folder that may have an older one: an OCI image layout. Readers find the old one or the new one, whenever this ends: blobs come first, then
 * the index by one rename, then blobs that the new one does not have go.
 */
export async function writeCacheFolder(archive: AsyncIterable<Buffer>, folder: string): Promise<void> {
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  await removeLeftovers(folder);
  const staging = await mkdtemp(join(folder, incoming));
  try {
    await extractLocal(archive, { directory: staging, rename: { from: '', to: '' }, keepOwners: false });
    const brought = (await readdir(join(staging, 'blobs', 'sha256'))).filter((name) => blobName.test(name));
    for (const name of brought) await rename(join(staging, 'blobs', 'sha256', name), join(blobs, name));
    for (const name of ['oci-layout', 'index.json']) await rename(join(staging, name), join(folder, name));
    const kept = new Set(brought);
    for (const name of await readdir(blobs))
      if (blobName.test(name) && !kept.has(name)) await rm(join(blobs, name), { force: true });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Of writers that were killed long ago. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(incoming)) continue;
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
    if (mtimeMs < Date.now() - leftoverAgeMs) await rm(path, { recursive: true, force: true });
  }
}
