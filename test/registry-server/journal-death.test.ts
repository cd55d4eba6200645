import { expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseRepositoryName } from '../../src/foundation/oci/repository-name.ts';
import { openFolderStore } from '../../src/resources/registry/folder-store.ts';
import { withRoot } from './whole-folder.ts';

const writer = join(import.meta.dir, 'journal-writer.ts');

/** Runs until it is killed at the point; resolves to the tags that were acknowledged. */
async function writeUntil(root: string, fault: string): Promise<string[]> {
  const child = spawn(process.execPath, [writer, root], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SILO_FAULT: fault },
  });
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
  return said.trim().split('\n');
}

const points = [
  'registry.index.journaled:3',
  'registry.index.journaled:60',
  // The third is the one of the first journal; small indexes pass it too.
  'registry.index.before-rename:5',
  'registry.index.before-journal-gone:4',
];

for (const point of points)
  test(`a large repository whose registry dies at ${point} has all acknowledged tags, for other tools too`, () =>
    withRoot(async (root) => {
      const acknowledged = await writeUntil(root, point);
      await using store = await openFolderStore(root);
      const name = parseRepositoryName('many/tags');
      const tags = (await store.indexes.read(name))?.map(({ tag }) => tag ?? '') ?? [];
      expect(tags).toEqual(expect.arrayContaining(acknowledged));
      // At most the one that was about to be acknowledged besides.
      expect(tags.length - acknowledged.length).toBeLessThanOrEqual(1);
      const index = (await Bun.file(join(root, 'many/tags/index.json')).json()) as { manifests: unknown[] };
      expect(index.manifests).toHaveLength(tags.length);
    }));
