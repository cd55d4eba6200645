import { afterEach, beforeEach, expect, test } from 'bun:test';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { emptyMountPoints } from './mount-points.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mount-points-'));
  for (const name of ['upper', 'lower']) mkdirSync(join(directory, name));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const folder = (tree: string, ...paths: string[]): void => {
  for (const path of paths) mkdirSync(join(directory, tree, path), { recursive: true, mode: 0o755 });
};
const file = (path: string, text = ''): void => {
  mkdirSync(dirname(join(directory, 'upper', path)), { recursive: true });
  writeFileSync(join(directory, 'upper', path), text);
};
const empty = (...paths: string[]): string[] =>
  [...emptyMountPoints(join(directory, 'upper'), [join(directory, 'lower')], paths)].toSorted();

test('empty mount points go with the directories that were made for them and with those that came up because of them', () => {
  folder('lower', 'root');
  folder('upper', 'root/.cache/pip');
  file('root/token');
  expect(empty('/root/.cache', '/root/.cache/pip', '/root/token')).toEqual([
    'root',
    'root/.cache',
    'root/.cache/pip',
    'root/token',
  ]);
});

test('what the program put there stays, and so does all above it', () => {
  folder('lower', 'root');
  folder('upper', 'root/.cache/pip', 'root/.cache/npm');
  file('root/.cache/note', 'x');
  file('filled', 'x');
  expect(empty('/root/.cache', '/root/.cache/pip', '/root/.cache/npm', '/filled', '/gone')).toEqual([
    'root/.cache/npm',
    'root/.cache/pip',
  ]);
});

test('a directory of the image that was changed stays', () => {
  folder('lower', 'srv', 'opt');
  folder('upper', 'srv/in', 'opt/in');
  chmodSync(join(directory, 'upper/srv'), 0o700);
  expect(empty('/srv/in', '/opt/in')).toEqual(['opt', 'opt/in', 'srv/in']);
});

test('a mount point that was swapped for a link, or has a link above it, is left as it is', () => {
  folder('upper', 'real/in');
  symlinkSync('/etc/hostname', join(directory, 'upper/swapped'));
  symlinkSync('real', join(directory, 'upper/way'));
  file('two');
  linkSync(join(directory, 'upper/two'), join(directory, 'upper/names'));
  expect(empty('/swapped', '/way/in', '/two', '/../../etc')).toEqual([]);
});
