import { expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf, makeManifest, putManifest, startLocalRegistry } from './harness.ts';

test('tags that are pushed and deleted at once are all kept and all gone, also after a restart', async () => {
  const root = await mkdtemp(join(tmpdir(), 'silo-registry-'));
  try {
    const tags = Array.from({ length: 40 }, (_, index) => `t${String(index).padStart(2, '0')}`);
    const repository = 'crowd/app';
    {
      await using local = await startLocalRegistry({ root });
      const documents = await Promise.all(
        ['a', 'b', 'c', 'd'].map((layer) => makeManifest(local.url, repository, { layer })),
      );
      const answers = await Promise.all(
        tags.map((reference, index) =>
          putManifest(local.url, { repository, reference }, documents[index % documents.length] ?? ''),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(tags.map(() => 201));
      const path = `${local.url}/v2/${repository}/manifests`;
      const gone = await Promise.all([
        fetch(`${path}/t00`, { method: 'DELETE' }),
        fetch(`${path}/${digestOf(documents[1] ?? '')}`, { method: 'DELETE' }),
      ]);
      expect(gone.map(({ status }) => status)).toEqual([202, 202]);
    }
    await using again = await startLocalRegistry({ root });
    const list = await fetch(`${again.url}/v2/${repository}/tags/list`);
    const left = tags.filter((tag, index) => tag !== 't00' && index % 4 !== 1);
    expect(await list.json()).toEqual({ name: repository, tags: left });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
