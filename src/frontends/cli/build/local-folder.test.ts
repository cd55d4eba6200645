import { afterAll, beforeAll, expect, test } from 'bun:test';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseIgnoreFile } from '../../../engine/build/language/ignore/ignore.ts';
import type { FolderEntryJson } from '../../../foundation/wire/silo/build-session.ts';
import type { LocalFolder } from '../../client/serve-folder.ts';
import { createLocalFolder } from './local-folder.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'silo-folder-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function make(name: string, files: Record<string, string>): string {
  const folder = join(root, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function open(
  path: string,
  options: { ignore?: string; always?: string[] } = {},
): { folder: LocalFolder; changed: string[] } {
  const changed: string[] = [];
  const folder = createLocalFolder(path, {
    ignore: parseIgnoreFile(options.ignore ?? ''),
    always: options.always ?? [],
    extra: [{ name: 'extra', bytes: Buffer.from('more') }],
    onChanged: (each) => void changed.push(each),
  });
  return { folder, changed };
}

async function listed(folder: LocalFolder): Promise<FolderEntryJson[]> {
  const entries: FolderEntryJson[] = [];
  for await (const entry of folder.list()) entries.push(entry);
  return entries;
}

async function read(folder: LocalFolder, file: number): Promise<[text: string, isAsListed: boolean]> {
  const pieces = folder.read(file);
  let text = '';
  for (;;) {
    const { done, value } = await pieces.next();
    if (done === true) return [text, value];
    text += Buffer.from(value).toString();
  }
}

test('a folder is listed parents first, without what is ignored, and with what is taken in again', async () => {
  const path = make('list', {
    'a/b/c': 'c',
    'a/left/keep': 'k',
    'a/left/not': 'n',
    Dockerfile: 'FROM scratch\n',
  });
  symlinkSync('../../etc/passwd', join(path, 'link'));
  const { folder } = open(path, { ignore: 'a/left\n!a/left/keep\nDockerfile\n', always: ['Dockerfile'] });
  const entries = await listed(folder);
  expect(entries.map(([name, kind, , size]) => [name, kind, size])).toEqual([
    ['Dockerfile', 'f', 13],
    ['a', 'd', 0],
    ['a/b', 'd', 0],
    ['a/b/c', 'f', 1],
    ['a/left/keep', 'f', 1],
    ['link', 'l', 0],
    ['extra', 'f', 4],
  ]);
  expect(entries[5]?.[6]).toBe('../../etc/passwd');
  expect(await read(folder, 6)).toEqual(['more', true]);
  expect(await read(folder, 3)).toEqual(['c', true]);
});

test('facts are told of files that rest, and are others after every change', async () => {
  const path = make('facts', { young: 'y' });
  const [young] = await listed(open(path).folder);
  expect(young?.[6]).toBe('');
  // A file of the project's own has not been changed for seconds.
  const old = await listed(open(import.meta.dir).folder);
  expect(old.filter(([, kind]) => kind === 'f').some(([, , , , , , facts]) => facts !== '')).toBe(true);
});

test('a file that changes while it is read is told; one that shrinks or turns into a link ends the context', async () => {
  const path = make('moving', { grows: 'one', shrinks: 'three', turns: 'x', goes: 'y' });
  const { folder, changed } = open(path);
  const names = (await listed(folder)).map(([name]) => name);
  appendFileSync(join(path, 'grows'), ' more');
  expect(await read(folder, names.indexOf('grows'))).toEqual(['one', false]);
  expect(changed).toEqual(['grows']);
  utimesSync(join(path, 'grows'), 1, 1);
  truncateSync(join(path, 'shrinks'), 1);
  unlinkSync(join(path, 'turns'));
  symlinkSync('/etc/passwd', join(path, 'turns'));
  unlinkSync(join(path, 'goes'));
  const failure = (name: string): Promise<string> =>
    read(folder, names.indexOf(name)).then(String, (error: Error) => error.message);
  expect(await failure('shrinks')).toContain('became shorter');
  expect(await failure('turns')).toContain('cannot read the file');
  expect(await failure('goes')).toContain('no such file');
});
