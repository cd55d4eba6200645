import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { toSiloError, type SiloError } from '../base/errors.ts';
import { sha256, type DiffId } from '../oci/digest.ts';
import { archive, member } from './tar-fixtures.ts';
import { unpackLayer, type UnpackRequest } from './unpack-process.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: the unpacker is run by root only (chroot)');

const entry = join(import.meta.dirname, '..', '..', 'bin', 'unpack.ts');
const command = [process.execPath, entry];
const plain = archive(
  member({ type: 'directory', name: 'd', mode: 0o755 }),
  member({ name: 'd/file', content: 'x'.repeat(100_000) }),
  member({ name: '.wh.gone' }),
);
const diffId: DiffId = sha256(plain);

let folder: string;
let target: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'silo-unpack-'));
  target = join(folder, 'fs');
  mkdirSync(target);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const unpack = (source: UnpackRequest['source'], more: Partial<UnpackRequest> = {}) =>
  unpackLayer({ source, target, command, ...more });
const failure = async (work: Promise<unknown>): Promise<SiloError> =>
  work.then(
    () => Promise.reject(new Error('did not fail')),
    (error: unknown) => toSiloError(error),
  );

describe.skipIf(!isRoot)('the unpacker', () => {
  test.each([
    ['plain', plain],
    ['gzip', gzipSync(plain)],
    ['zstd', zstdCompressSync(plain)],
  ])('takes a %s layer as a stream or a file and tells both digests', async (_, data) => {
    const path = join(folder, 'blob');
    writeFileSync(path, data);
    for (const source of [Readable.from([data.subarray(0, 100), data.subarray(100)]), { path }]) {
      rmSync(target, { recursive: true });
      mkdirSync(target);
      expect(await unpack(source, { expectedDiffId: diffId })).toEqual({
        diffId,
        sizeBytes: 100_000,
        entries: 3,
        highestId: 0,
        compressedDigest: sha256(data),
        compressedBytes: data.length,
      });
      expect(readFileSync(join(target, 'd/file'), 'utf8')).toBe('x'.repeat(100_000));
    }
  });

  test.each<[string, Buffer, string, string]>([
    ['a wrong diff id', archive(member({ name: 'other' })), 'corrupt', 'diff-id-mismatch'],
    ['no tar', Buffer.alloc(2000, 'no tar'), 'corrupt', 'archive-corrupt'],
    ['broken gzip', gzipSync(plain).subarray(0, -20), 'corrupt', 'archive-corrupt'],
    ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 1, 2]), 'unsupported', 'compression-unsupported'],
  ])('%s comes back as the error that the unpacker saw', async (_, data, kind, code) => {
    expect(await failure(unpack(Readable.from([data]), { expectedDiffId: diffId }))).toMatchObject({
      kind,
      code,
    });
  });

  test('limits reach it', async () => {
    const error = await failure(unpack(Readable.from([plain]), { tarLimits: { maxEntries: 2 } }));
    expect(error.code).toBe('archive-limit');
    const bomb = gzipSync(Buffer.alloc(30 << 20));
    const stopped = await failure(unpack(Readable.from([bomb]), { expansionLimits: { maxBytes: 1 << 20 } }));
    expect(stopped.code).toBe('archive-limit');
  });

  test('an error of the source is the error, however much was unpacked', async () => {
    const source = new PassThrough();
    source.write(plain.subarray(0, 2048));
    const result = failure(unpack(source, {}));
    source.destroy(new Error('the registry hung up'));
    expect((await result).message).toBe('the registry hung up');
  });

  test('an abort kills it at once', async () => {
    const source = new PassThrough();
    source.write(plain.subarray(0, 2048));
    const controller = new AbortController();
    const result = failure(unpack(source, { signal: controller.signal }));
    controller.abort();
    expect((await result).kind).toBe('canceled');
    expect((await failure(unpack(source, { signal: controller.signal }))).kind).toBe('canceled');
  });

  test('a program that is not there, or says nothing, is an internal error with what it wrote', async () => {
    expect((await failure(unpack(Readable.from([plain]), { command: ['/nonexistent/unpacker'] }))).kind).toBe(
      'internal',
    );
    const mute = await failure(
      unpack(Readable.from([plain]), {
        command: [process.execPath, '-e', 'console.error("oh no"); process.exit(9)'],
      }),
    );
    expect(mute.code).toBe('unpacker-died');
    expect(mute.message).toContain('exit code 9');
    expect(mute.message).toContain('oh no');
  });

  test('it ends when its parent is killed, though its input stays open', async () => {
    // Its input and output are those of its parent: this test holds the one open and sees the other close.
    const script = `
      const { spawn } = require('node:child_process');
      const options = JSON.stringify({ parentPid: process.pid });
      spawn(${JSON.stringify(process.execPath)}, [${JSON.stringify(entry)}, ${JSON.stringify(target)}, options], { stdio: 'inherit' });
      console.log('started');
      setInterval(() => undefined, 1000);`;
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'ignore'] });
    await once(parent.stdout, 'data');
    parent.kill('SIGKILL');
    parent.stdout.resume();
    await once(parent.stdout, 'close');
  });
});
