import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { internal } from './errors.ts';

const rounds = 20;

/**
 * Removes a folder of ours with all that is in it; a part may be removed, or still be made, by somebody else at the same time. Bun's `rm` ends
 * early in such a case and reports success.
 */
export async function removeFolder(path: string): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await rm(path, { recursive: true, force: true });
    if (!existsSync(path)) return;
  }
  throw internal(`${path} could not be removed: something is made in it again and again`);
}
