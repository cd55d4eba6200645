import { expect, test } from 'bun:test';
import { fileNameOf, isGit } from './addresses.ts';

test('the name of a file is the last part of its address', () => {
  const names = [
    'http://h/a/b.txt?c=/d#e',
    'http://h/a%20b',
    'http://h/x%2Fy',
    'http://h/',
    'http://h',
    'http://h/a/..',
    'http://h/%2e%2e%2f%2e%2e',
    'http://h/%00',
    'http://h/%zz',
    `http://h/${'x'.repeat(256)}`,
  ].map(fileNameOf);
  expect(names).toEqual([
    'b.txt',
    'a b',
    'y',
    '__unnamed__',
    '__unnamed__',
    '__unnamed__',
    '__unnamed__',
    '__unnamed__',
    '%zz',
    '__unnamed__',
  ]);
});

test('repositories are told from files of the web and from paths by their address', () => {
  const repositories = [
    'git@host:a/b',
    'deploy@host.example:a.git#v1',
    'ssh://host/x',
    'git://host/x',
    'https://host/x.git',
    'https://host/x.git?branch=main',
    'HTTP://host/x.git#v1',
  ];
  const others = [
    'https://host/x',
    'https://host/x.git/y',
    'https://host/x?y=.git',
    './git@host:x',
    'a/b@c:d',
    'x',
  ];
  expect(repositories.filter((each) => !isGit(each))).toEqual([]);
  expect(others.filter(isGit)).toEqual([]);
});
