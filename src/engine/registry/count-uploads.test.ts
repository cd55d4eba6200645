import { expect, test } from 'bun:test';
import { invalid } from '../../foundation/base/errors.ts';
import { parseDigest } from '../../foundation/oci/digest.ts';
import { parseRepositoryName } from '../../foundation/oci/repository-name.ts';
import { countUploads } from './count-uploads.ts';
import type { Registry } from './registry.ts';

test('uploads that were finished, refused or swept are not under way any more', async () => {
  const there = new Set<string>();
  let last = 0;
  const { registry, underWay } = countUploads({
    uploads: {
      async start() {
        const id = String(++last);
        there.add(id);
        return { id, offset: 0 };
      },
      finish: async (_: unknown, id: string) => {
        if (id === '2') throw invalid('another digest', { code: 'digest-invalid' });
      },
      async *underWay() {
        for (const id of there) yield { id };
      },
    },
    upkeep: { collectGarbage: async () => ({ manifests: 0, blobs: 0, freedBytes: 0 }) },
  } as unknown as Registry);
  const name = parseRepositoryName('a');
  const finish = async (id: string): Promise<void> =>
    registry.uploads.finish(name, id, parseDigest(`sha256:${'0'.repeat(64)}`), {
      bytes: (async function* () {})(),
    });
  for (let count = 0; count < 4; count++) await registry.uploads.start(name);
  await finish('1');
  await finish('2').catch(() => undefined);
  expect(underWay()).toBe(2);
  there.delete('3');
  await registry.upkeep.collectGarbage();
  expect(underWay()).toBe(1);
});
