import { expect } from 'bun:test';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for a registry, gone afterwards. */
export async function withRoot(work: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'silo-registry-'));
  try {
    await work(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Every file that has a digest as its name has that digest. */
export async function expectWhole(root: string): Promise<void> {
  for (const path of await blobFiles(root)) {
    const [algorithm = '', hex = ''] = path.split('/').slice(-2);
    const bytes = await readFile(join(root, path)).catch((error: NodeJS.ErrnoException) => {
      // A server that runs may remove it meanwhile.
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (bytes !== undefined) expect(createHash(algorithm).update(bytes).digest('hex')).toBe(hex);
  }
}

/** All files that have a digest as their name. */
export async function blobFiles(root: string): Promise<string[]> {
  const all = await readdir(root, { recursive: true });
  return all.filter((path) => /blobs\/(sha256|sha512)\/[0-9a-f]{64,128}$/.test(path));
}
