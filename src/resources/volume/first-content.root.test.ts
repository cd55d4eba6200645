import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settleContent, settleLeftovers, stageContent } from './first-content.ts';
import { stagedName } from './volume-process.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: first content of volumes: needs root');

describe.skipIf(!isRoot)('first content of a mounted file system', () => {
  let folder = '';
  const [ours, theirs] = [stagedName('one', 'data'), stagedName('two', 'data')];
  const whole = '.silo-first-content-whole';
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'silo-first-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  test('moves to the root, and nothing else stays', async () => {
    stageContent(folder, ours);
    mkdirSync(join(folder, ours, '_data/sub'), { recursive: true, mode: 0o750 });
    writeFileSync(join(folder, ours, '_data/sub/file'), 'there');
    await settleContent(folder, ours, true);
    expect(readdirSync(folder)).toEqual(['sub']);
    expect(readFileSync(join(folder, 'sub/file'), 'utf8')).toBe('there');
    expect(lstatSync(folder).mode & 0o777).toBe(0o750);
  });

  test('what another engine collects just now is left alone, what we left or nobody could have is not', () => {
    mkdirSync(join(folder, ours, '_data'), { recursive: true });
    mkdirSync(join(folder, theirs, '_data'), { recursive: true });
    symlinkSync('/etc', join(folder, stagedName('three', 'data')));
    settleLeftovers(folder, ours);
    expect(readdirSync(folder)).toEqual([theirs]);
    expect(existsSync(join(folder, theirs, '_data'))).toBe(true);
    expect(() => stageContent(folder, ours)).toThrow('not empty');
  });

  /** As somebody to whom a server refuses what root does. */
  const asNobody = async (work: () => Promise<void> | void): Promise<void> => {
    process.seteuid?.(65_534);
    try {
      await work();
    } finally {
      process.seteuid?.(0);
    }
  };

  test('does not come where nothing may be made, and comes where the owner may not be given', async () => {
    chmodSync(folder, 0o755);
    await asNobody(() => expect(() => stageContent(folder, ours)).toThrow('the volume is read-only'));
    expect(readdirSync(folder)).toEqual([]);
    chmodSync(folder, 0o777);
    await asNobody(async () => {
      stageContent(folder, ours);
      mkdirSync(join(folder, ours, '_data/sub'), { recursive: true });
      await settleContent(folder, ours, true);
    });
    expect(readdirSync(folder)).toEqual(['sub']);
  });

  test('what is whole is moved on, and gives way to what is there', () => {
    mkdirSync(join(folder, whole, '_data/sub'), { recursive: true });
    writeFileSync(join(folder, whole, '_data/file'), 'late');
    writeFileSync(join(folder, 'file'), 'first');
    settleLeftovers(folder, ours);
    expect(readdirSync(folder).toSorted()).toEqual(['file', 'sub']);
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('first');
  });
});
