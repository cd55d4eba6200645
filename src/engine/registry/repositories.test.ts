import { expect, test } from 'bun:test';
import { parseDigest } from '../../foundation/oci/digest.ts';
import { parseRepositoryName } from '../../foundation/oci/repository-name.ts';
import type { IndexChange, RegistryStore } from '../../resources/registry/store.ts';
import { createRepositories } from './repositories.ts';

test('a repository whose writing failed is read again, and what memory had of it is not written later', async () => {
  const written: IndexChange[] = [];
  let isFull = true;
  const indexes = {
    repositories: async () => [],
    read: async () => undefined,
    change: async (_name: unknown, changes: readonly IndexChange[]) => {
      if (isFull) throw new Error('no space left on device');
      written.push(...changes);
    },
  } as unknown as RegistryStore['indexes'];
  const repositories = createRepositories({ indexes });
  const name = parseRepositoryName('some/thing');
  const put = (state: Awaited<ReturnType<typeof repositories.getOrCreate>>, tag: string): void =>
    state.put(
      { digest: parseDigest(`sha256:${'0'.repeat(64)}`), mediaType: 'some/type', sizeBytes: 1 },
      undefined,
      tag,
    );
  const state = await repositories.getOrCreate(name);
  put(state, 'one');
  expect(repositories.save(state)).rejects.toThrow('no space');
  await repositories.settled(name).catch(() => undefined);
  isFull = false;
  put(state, 'two');
  expect(repositories.save(state)).rejects.toThrow('no space');
  const again = await repositories.getOrCreate(name);
  expect(again).not.toBe(state);
  put(again, 'three');
  await repositories.save(again);
  expect(written.flatMap((change) => (change.kind === 'tag' ? [change.tag] : []))).toEqual(['three']);
});
