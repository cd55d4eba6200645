import { expect, test } from 'bun:test';
import { notFound } from '../../foundation/base/errors.ts';
import { parseDigest } from '../../foundation/oci/digest.ts';
import { parseRepositoryName } from '../../foundation/oci/repository-name.ts';
import { createBlobs } from './blobs.ts';
import type { RegistryContext } from './context.ts';
import { createLeases } from './leases.ts';

const name = parseRepositoryName('a');
const digest = parseDigest(`sha256:${'0'.repeat(64)}`);

test('what was seen is protected for the grace period', () => {
  let now = 10_000;
  const leases = createLeases({ graceMs: 100, now: () => now, startedMs: 0 });
  leases.touch(name, digest);
  expect(leases.protects(name, digest, 0)).toBe(true);
  now += 100;
  expect(leases.protects(name, digest, 0)).toBe(false);
});

test('questions for what is not there leave nothing in memory', async () => {
  const touched = new Set<string>();
  const leases = {
    touch: (_: unknown, each: string) => void touched.add(each),
    forget: (_: unknown, each: string) => void touched.delete(each),
  };
  const store = {
    blobs: {
      find: async () => undefined,
      open: () => Promise.reject(notFound('none')),
      share: async () => false,
    },
  };
  const blobs = createBlobs({ leases, store } as unknown as RegistryContext);
  for (const ask of [blobs.info(name, digest), blobs.open(name, digest), blobs.mount(name, digest, name)])
    await ask.catch(() => undefined);
  expect([...touched]).toEqual([]);
});
