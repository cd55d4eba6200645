import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type SiloError, toSiloError } from '../../base/errors.ts';
import { mountTmpfs, unmount } from '../../kernel/mount.ts';
import { openRoot } from '../../kernel/rooted.ts';
import { statAt } from '../../kernel/stat.ts';
import { getXattr } from '../../kernel/xattr.ts';
import { type ContentsThread, createContentsThread } from '../contents-thread.ts';
import { archive, member } from '../tar-fixtures.ts';
import { createTarReader } from '../tar-reader.ts';
import { createExtractor } from './extract.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: extracting with owners needs root');
setDefaultTimeout(60_000);

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'silo-extract-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As the helper does, but that the other thread is there from the first byte on. */
async function extract(data: Buffer, into = folder): Promise<void> {
  using contents = createContentsThread();
  using root = openRoot(into);
  using extractor = createExtractor({ root, destination: '/', keepKinds: false, contents });
  const reader = createTarReader(extractor);
  let piece = await firstPiece(contents);
  for (let at = 0; at < data.length; at += piece.length) {
    if (at > 0) piece = contents.nextPiece() ?? piece;
    reader.push(piece.subarray(0, data.copy(piece, 0, at)));
  }
  reader.finish();
  extractor.finish();
}

async function firstPiece(contents: ContentsThread): Promise<Buffer> {
  for (;;) {
    const piece = contents.nextPiece();
    if (piece) return piece;
    await nextTurn();
  }
}

const failure = async (work: Promise<void>): Promise<SiloError> =>
  work.then(
    () => Promise.reject(new Error('did not fail')),
    (error: unknown) => toSiloError(error),
  );

const filled = (size: number, seed: number): Buffer => Buffer.alloc(size, `${seed} `);
const content = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8');
const seconds = (name: string): number => statSync(join(folder, name)).mtimeMs / 1000;
const descriptors = (): number => readdirSync('/proc/self/fd').length;

describe.skipIf(!isRoot)('files that another thread fills', () => {
  let umask = 0;
  beforeEach(() => void (umask = process.umask(0)));
  afterEach(() => void process.umask(umask));

  test('have their content, owner, mode, time and attributes, whatever their size', async () => {
    const sizes = [0, 1, 511, 512, 25_000, 262_144, 300_001, 3_000_000];
    const upload = archive(
      ...Array.from({ length: 300 }, (_, index) =>
        member({
          name: `d${index % 7}/f${index}`,
          content: filled(sizes[index % sizes.length] ?? 0, index).subarray(
            0,
            index < 16 ? undefined : 30_000,
          ),
          mode: index % 3 === 0 ? 0o4755 : 0o640,
          uid: index % 2,
          gid: index % 5,
          mtime: { sec: 1000 + index, nsec: index % 4 === 0 ? 123_456_789 : 0 },
          ...(index % 10 === 1 ? { xattrs: new Map([['user.note', Buffer.from(`${index}`)]]) } : {}),
        }),
      ),
    );
    await extract(upload);
    using root = openRoot(folder);
    for (let index = 0; index < 300; index++) {
      const name = `d${index % 7}/f${index}`;
      const wanted = filled(sizes[index % sizes.length] ?? 0, index).subarray(
        0,
        index < 16 ? undefined : 30_000,
      );
      expect(readFileSync(join(folder, name)).equals(wanted)).toBe(true);
      const { mode, uid, gid, mtimeNs } = statAt(root.fd, name);
      expect([mode & 0o7777, uid, gid]).toEqual([index % 3 === 0 ? 0o4755 : 0o640, index % 2, index % 5]);
      expect(mtimeNs).toBe(BigInt(1000 + index) * 1_000_000_000n + (index % 4 === 0 ? 123_456_789n : 0n));
      if (index % 10 === 1) expect(String(getXattr(join(folder, name), 'user.note'))).toBe(`${index}`);
    }
  });

  test('that were whole when the archive broke have owner, mode, time and attributes', async () => {
    const whole = archive(
      member({
        name: 'whole',
        content: filled(200_000, 1),
        mode: 0o640,
        uid: 3,
        gid: 4,
        mtime: { sec: 1000, nsec: 5 },
        xattrs: new Map([['user.note', Buffer.from('there')]]),
      }),
      member({ name: 'cut', content: filled(400_000, 2) }),
    );
    await failure(extract(whole.subarray(0, 230_000)));
    using root = openRoot(folder);
    const { mode, uid, gid, mtimeNs } = statAt(root.fd, 'whole');
    expect([mode & 0o7777, uid, gid, mtimeNs]).toEqual([0o640, 3, 4, 1_000_000_000_005n]);
    expect(String(getXattr(join(folder, 'whole'), 'user.note'))).toBe('there');
    expect(readFileSync(join(folder, 'whole')).equals(filled(200_000, 1))).toBe(true);
    expect(content('cut').length).toBeGreaterThan(0);
  });

  test('of the same name: the last one of the archive stays, whole', async () => {
    const upload = archive(
      ...Array.from({ length: 40 }, (_, index) =>
        member({ name: 'same', content: filled(100_000 + index, index) }),
      ),
    );
    await extract(upload);
    expect(readFileSync(join(folder, 'same')).equals(filled(100_039, 39))).toBe(true);
    expect(readdirSync(folder)).toEqual(['same']);
  });

  test('may be replaced by a directory, and a directory with them by a file', async () => {
    const upload = archive(
      member({ name: 'a', content: filled(400_000, 1) }),
      member({ type: 'directory', name: 'a', mode: 0o755 }),
      member({ name: 'a/inside', content: 'of a' }),
      member({ name: 'b/one', content: filled(400_000, 2) }),
      member({ name: 'b/two', content: filled(400_000, 3) }),
      member({ name: 'b', content: 'a file' }),
      member({ name: 'c/f', content: 'first' }),
      member({ name: 'c', content: filled(300_000, 4) }),
      member({ name: 'c/f', type: 'directory', mode: 0o755 }),
    );
    expect((await failure(extract(upload))).message).toContain('not a directory');
    expect([content('a/inside'), content('b')]).toEqual(['of a', 'a file']);
    expect(readFileSync(join(folder, 'c')).equals(filled(300_000, 4))).toBe(true);
  });

  test('have further names at once, in other directories too', async () => {
    const upload = archive(
      ...Array.from({ length: 50 }, (_, index) => [
        member({
          name: `from/${index}`,
          content: filled(20_000, index),
          mtime: { sec: 77, nsec: 0 },
          mode: 0o6711,
        }),
        member({ type: 'hardlink', name: `to/deep/${index}`, linkName: `from/${index}` }),
      ]).flat(),
    );
    await extract(upload);
    for (let index = 0; index < 50; index++) {
      const status = statSync(join(folder, 'to/deep', `${index}`));
      expect([status.nlink, status.mode & 0o7777, status.mtimeMs]).toEqual([2, 0o6711, 77_000]);
      expect(readFileSync(join(folder, 'to/deep', `${index}`)).equals(filled(20_000, index))).toBe(true);
    }
  });

  test('do not change the times of their directories', async () => {
    const upload = archive(
      member({ type: 'directory', name: 'd', mode: 0o755, mtime: { sec: 5, nsec: 0 } }),
      member({ type: 'directory', name: 'd/e', mode: 0o755, mtime: { sec: 6, nsec: 0 } }),
      ...Array.from({ length: 40 }, (_, index) =>
        member({ name: `d/e/${index}`, content: filled(30_000, index) }),
      ),
      member({ name: 'd/last', content: filled(500_000, 1) }),
    );
    await extract(upload);
    expect([seconds('d'), seconds('d/e')]).toEqual([5, 6]);
  });

  test('an archive that breaks in the middle leaves no descriptor open', async () => {
    const files = Array.from({ length: 60 }, (_, index) =>
      member({ name: `f${index}`, content: filled(20_000, index), mtime: { sec: 1, nsec: index } }),
    );
    const before = descriptors();
    const broken = Buffer.concat([...files, Buffer.alloc(512, 'x')]);
    expect((await failure(extract(broken))).code).toBe('archive-corrupt');
    expect((await failure(extract(Buffer.concat(files).subarray(0, -5000)))).message).toContain('truncated');
    // What was whole before stays.
    expect(readFileSync(join(folder, 'f58')).equals(filled(20_000, 58))).toBe(true);
    expect(descriptors()).toBeLessThanOrEqual(before + 2);
  });

  test('a full disk is told with the name of the file that did not fit, and nothing that was there goes', async () => {
    const small = join(folder, 'small');
    mkdirSync(small);
    mountTmpfs({ target: small, sizeBytes: 1 << 20, mode: 0o755 });
    try {
      writeFileSync(join(small, 'old'), 'precious');
      const upload = archive(
        member({ name: 'fits', content: filled(300_000, 1) }),
        member({ name: 'big', content: filled(1_000_000, 2) }),
        ...Array.from({ length: 20 }, (_, index) => member({ name: `after${index}`, content: 'x' })),
        member({ name: 'old', content: filled(10_000, 3) }),
        ...Array.from({ length: 40 }, (_, index) =>
          member({ name: `more${index}`, content: filled(30_000, 4) }),
        ),
      );
      const before = descriptors();
      const { kind, message } = await failure(extract(upload, small));
      expect([kind, message]).toEqual(['exhausted', 'write /big: no space left on device']);
      expect(readFileSync(join(small, 'fits')).equals(filled(300_000, 1))).toBe(true);
      expect(readFileSync(join(small, 'old'), 'utf8')).toBe('precious');
      expect(descriptors()).toBeLessThanOrEqual(before + 2);
    } finally {
      // A descriptor of the thread may still be on its way out.
      unmount(small, { detach: true });
    }
  });
});
