import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { treeDifference } from './tree-difference.ts';
import { setXattr } from './xattr.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: owners and devices need root');

describe.skipIf(!isRoot)('two trees', () => {
  let folder = '';
  const at = (path: string): string => join(folder, path);
  const make = (name: string): void => {
    mkdirSync(at(`${name}/sub/deep`), { recursive: true });
    writeFileSync(at(`${name}/sub/file`), 'the same content');
    linkSync(at(`${name}/sub/file`), at(`${name}/sub/second`));
    symlinkSync('sub/file', at(`${name}/link`));
    writeFileSync(at(`${name}/sub/deep/odd \u00e9\nname`), '');
    spawnSync('mknod', [at(`${name}/gone`), 'c', '0', '0']);
    for (const path of ['sub/file', 'sub/deep/odd \u00e9\nname', 'gone'])
      utimesSync(at(`${name}/${path}`), 1000, 1000);
    spawnSync('touch', ['-h', '-d', '@1000', at(`${name}/link`)]);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'silo-trees-'));
    make('one');
    make('two');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('that are the same differ in nothing', () => {
    expect(treeDifference(at('one'), at('two'))).toBeUndefined();
    utimesSync(at('two/sub'), 5, 5);
    expect(treeDifference(at('one'), at('two'))).toBeUndefined();
  });

  test.each<[string, string, () => void]>([
    [
      'content',
      'sub/file',
      () => (
        writeFileSync(at('two/sub/file'), 'the sane content'),
        utimesSync(at('two/sub/file'), 1000, 1000)
      ),
    ],
    [
      'size',
      'sub/file',
      () => (writeFileSync(at('two/sub/file'), 'short'), utimesSync(at('two/sub/file'), 1000, 1000)),
    ],
    ['time', 'sub/file', () => utimesSync(at('two/sub/file'), 1000, 1001)],
    ['type or mode', 'sub/file', () => chmodSync(at('two/sub/file'), 0o755)],
    ['owner', 'sub/deep', () => chownSync(at('two/sub/deep'), 1, 1)],
    ['missing', 'sub/deep/more', () => writeFileSync(at('two/sub/deep/more'), '')],
    ['extra', 'link', () => rmSync(at('two/link'))],
    ['extended attributes', 'sub', () => setXattr(at('two/sub'), 'trusted.overlay.opaque', Buffer.from('y'))],
    ['type or mode', 'gone', () => (rmSync(at('two/gone')), writeFileSync(at('two/gone'), ''))],
  ])('differ in %s of %s', (what, path, change) => {
    change();
    const found = treeDifference(at('one'), at('two'));
    // A file with two names differs at whichever is met first.
    const same = found?.path === 'sub/second' ? 'sub/file' : found?.path;
    expect([found?.what, same]).toEqual([what, path]);
  });
});
