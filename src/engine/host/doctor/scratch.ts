import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The folder itself, or the nearest one above it that exists: on the file system where it would be made. */
export function nearestExisting(path: string): string {
  let current = path;
  while (!existsSync(current) && dirname(current) !== current) current = dirname(current);
  return current;
}

/** A folder for probes on the file system of the data root; removed when disposed. */
export async function openScratch(dataRoot: string): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(nearestExisting(dataRoot), '.silo-doctor-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
