import { expect, test } from 'bun:test';
import { Readable } from 'node:stream';
import { parseDigest } from '../../../foundation/oci/digest.ts';
import type { Context } from '../context.ts';
import { writeArchive } from './write-archive.ts';

test('an archive is not gone on with behind a blob that the disk has cut short', async () => {
  const digest = parseDigest(`sha256:${'0'.repeat(64)}`);
  const content = { read: async () => Readable.from([Buffer.alloc(10)]) };
  const archive = writeArchive({ content } as unknown as Pick<Context, 'content'>, {
    chosen: [],
    blobs: new Map([[digest, 512]]),
    kind: 'oci',
    signal: new AbortController().signal,
  });
  expect(await Array.fromAsync(archive).catch(String)).toContain('has 10 bytes on disk, not 512');
});
