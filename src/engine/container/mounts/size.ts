import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isKind } from '../../../foundation/base/errors.ts';
import type { ContainerQueries } from '../container.ts';
import type { Context } from '../context.ts';

export const createSizeOf =
  (context: Pick<Context, 'store' | 'snapshots' | 'images'>): ContainerQueries['sizeOf'] =>
  async (nameOrId) => {
    const record = context.store.get(nameOrId);
    const snapshot = await context.snapshots.find(record.id);
    const writableBytes = snapshot ? await sizeBelow(snapshot.mount.upper) : 0;
    return { writableBytes, totalBytes: writableBytes + imageBytes(context, record.imageId) };
  };

function imageBytes({ images }: Pick<Context, 'images'>, id: string): number {
  try {
    return images.resolve(id).sizeBytes;
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
    return 0;
  }
}

/** Sum of what files and links hold, each hard-linked file once. Follows no link; what goes away meanwhile does not count. */
async function sizeBelow(root: string): Promise<number> {
  let total = 0;
  const folders = [root];
  const linked = new Set<number>();
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const found = await lstat(path).catch(() => undefined);
      if (!found) continue;
      if (found.isDirectory()) folders.push(path);
      else if (found.nlink === 1 || !linked.has(found.ino)) total += found.size;
      if (found.nlink > 1 && !found.isDirectory()) linked.add(found.ino);
    }
  }
  return total;
}
