import { describe, expect, test } from 'bun:test';
import {
  afterLink,
  assertsDirectory,
  keepEnding,
  placeCopy,
  renameFirst,
  splitEntry,
  splitWord,
} from './paths.ts';

const file = { path: '/src/f', exists: true, isDirectory: false };
const directory = { path: '/src/d', exists: true, isDirectory: true };
const missing = (path: string) => ({ path, exists: false, isDirectory: false });

describe('words of cp', () => {
  test.each([
    ['web:/etc', { container: 'web', path: '/etc' }],
    ['web:', { container: 'web', path: '' }],
    ['/a:b', { path: '/a:b' }],
    ['./a:b', { path: './a:b' }],
    ['..:b', { path: '..:b' }],
    ['a', { path: 'a' }],
    ['-', { path: '-' }],
  ])('%s', (word, expected) => {
    expect(splitWord(word)).toEqual(expected);
  });
});

describe('paths', () => {
  test.each([
    ['/a/b', '/a', 'b'],
    ['/a/b/', '/a', 'b'],
    ['/a/b/.', '/a/b', '.'],
    ['/', '/', '/'],
    ['/.', '/', '.'],
    ['a', '.', 'a'],
    ['.', '.', '.'],
  ])('%s splits into directory and last component', (path, parent, base) => {
    expect(splitEntry(path)).toEqual({ directory: parent, base });
  });

  test('a last slash or dot asks for a directory and stays', () => {
    expect(['/a/', '/a/.', '.', '/a', '/a/b.'].map(assertsDirectory)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect([
      keepEnding('/a', 'a/'),
      keepEnding('/a', 'a/.'),
      keepEnding('/', './'),
      keepEnding('/a', 'a'),
    ]).toEqual(['/a/', '/a/.', '/.', '/a']);
  });

  test('a followed link keeps the name that was asked for', () => {
    expect(afterLink('/a/link', '/b/target')).toEqual({ path: '/b/target', rebaseName: 'link' });
    expect(afterLink('/a/same', '/b/same')).toEqual({ path: '/b/same' });
    expect(afterLink('/a/link/', '/b/target')).toEqual({ path: '/b/target/', rebaseName: 'link' });
  });
});

describe('where a copy goes', () => {
  const into = { path: '/dst', exists: true, isDirectory: true };
  const over = { path: '/dst/file', exists: true, isDirectory: false };
  test('into a directory under its own name', () => {
    expect(placeCopy(file, into)).toEqual({ directory: '/dst', name: 'f' });
    expect(placeCopy({ ...directory, path: '/src/d/.' }, into)).toEqual({ directory: '/dst', name: '.' });
    expect(placeCopy({ ...file, rebaseName: 'asked' }, into)).toEqual({ directory: '/dst', name: 'asked' });
  });
  test('over a file or to a name that is not there', () => {
    expect(placeCopy(file, over)).toEqual({ directory: '/dst', name: 'file' });
    expect(placeCopy(file, missing('/dst/new'))).toEqual({ directory: '/dst', name: 'new' });
    expect(placeCopy(directory, missing('/dst/new/'))).toEqual({ directory: '/dst', name: 'new' });
  });
  test('not a directory over a file, nor a file into a directory that is not there', () => {
    expect(placeCopy(directory, over)).toEqual({ refused: 'cannot copy directory' });
    expect(placeCopy(file, missing('/dst/new/'))).toEqual({ refused: 'no such directory' });
  });
});

test('the first component is renamed, and nothing that only starts like it', () => {
  expect(renameFirst('d/', 'd', 'new')).toBe('new');
  expect(renameFirst('d/a/d/b', 'd', 'new')).toBe('new/a/d/b');
  expect(renameFirst('dd/a', 'd', 'new')).toBe('dd/a');
  expect(renameFirst('./a', '.', 'new')).toBe('new/a');
  expect(renameFirst('/etc/a', '/', 'new')).toBe('new/etc/a');
});
