import { expect, test } from 'bun:test';
import { Readable } from 'node:stream';
import { parseDigest } from '../../../foundation/oci/digest.ts';
import type { Context } from '../context.ts';
import { unpackInto } from './unpack.ts';

test('a stream that cannot be unpacked, for want of a folder, does not stay open', async () => {
  const digest = parseDigest(`sha256:${'0'.repeat(64)}`);
  const layers = { stage: () => Promise.reject(new Error('no space')) };
  const source = Readable.from([Buffer.from('layer')]);
  const layer = { chainId: digest, diffId: digest, blob: digest };
  const { signal } = new AbortController();
  expect(await unpackInto({ layers } as unknown as Context, layer, source, { signal }).catch(String)).toBe(
    'Error: no space',
  );
  expect(source.destroyed).toBe(true);
});
