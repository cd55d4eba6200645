import { expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureTree } from './tree-usage-process.ts';
import { treeUsage } from './tree-usage.ts';

const du = (path: string): number =>
  Number(execFileSync('du', ['-s', '-x', '-B1', path], { encoding: 'utf8' }).split('\t')[0]);

function withFolder(work: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'silo-usage-'));
  return Promise.resolve(work(folder)).finally(() => rmSync(folder, { recursive: true }));
}

test('counts as du: blocks, holes, links, hard links once, names of any bytes', () =>
  withFolder((folder) => {
    mkdirSync(join(folder, 'a/b/c'), { recursive: true });
    mkdirSync(join(folder, 'things/one'), { recursive: true });
    writeFileSync(join(folder, 'a/file'), 'x'.repeat(70_000));
    linkSync(join(folder, 'a/file'), join(folder, 'things/one/again'));
    writeFileSync(join(folder, 'a/b/sparse'), '');
    truncateSync(join(folder, 'a/b/sparse'), 100_000_000);
    symlinkSync('/etc', join(folder, 'a/etc'));
    symlinkSync('y'.repeat(3000), join(folder, 'things/long'));
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/a/b/c/`), Buffer.from([0xff, 0xfe, 0x0a])]), 'z');
    const usage = treeUsage({
      root: folder,
      groups: [
        { path: 'things', group: 'things' },
        { path: 'a/b', group: 'deep' },
      ],
      known: {},
    });
    expect(usage.totalBytes).toBe(du(folder));
    expect(usage.groups['things']?.['one']).toBeGreaterThan(0);
    expect(usage.groups['deep']).toEqual({ c: du(join(folder, 'a/b/c')), sparse: 0 });
  }));

test('what is known is not walked, also whole folders', () =>
  withFolder((folder) => {
    mkdirSync(join(folder, 'x/y'), { recursive: true });
    writeFileSync(join(folder, 'x/y/file'), 'x'.repeat(50_000));
    const groups = [
      { path: '', group: 'top' },
      { path: 'x', group: 'x' },
    ];
    const all = treeUsage({ root: folder, groups, known: {} });
    const known = treeUsage({ root: folder, groups, known: { 'x/y': 7 } });
    expect(known.totalBytes).toBe(all.totalBytes - (all.groups['x']?.['y'] ?? 0) + 7);
    expect(treeUsage({ root: folder, groups, known: { x: 0 } }).groups['x']).toEqual({});
  }));

test('measures in a process of its own, whose failure is told', () =>
  withFolder(async (folder) => {
    writeFileSync(join(folder, 'file'), 'x'.repeat(5000));
    const command = [process.execPath, join(import.meta.dir, '../../bin/measure.ts')];
    const request = { root: folder, groups: [], known: {} };
    expect((await measureTree(request, { command })).totalBytes).toBe(du(folder));
    expect(measureTree({ ...request, root: join(folder, 'none') }, { command })).rejects.toThrow(
      'cannot measure disk usage',
    );
  }));
