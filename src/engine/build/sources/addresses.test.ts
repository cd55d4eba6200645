import { expect, test } from 'bun:test';
import { fileNameOf, parseGitAddress } from './addresses.ts';

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

test('a Git address has a repository, a ref and a folder, and no credentials in its url', () => {
  expect(parseGitAddress('https://me:se%20cret@host:8443/a/b.git#feature/x:/sub//deep/')).toEqual({
    url: 'https://host:8443/a/b.git',
    credentials: 'me:se cret',
    ref: 'feature/x',
    folder: 'sub/deep',
  });
  expect(parseGitAddress('git://host/b')).toEqual({ url: 'git://host/b', folder: '' });
});

test('what a program could take for something else is refused', () => {
  for (const address of [
    'ext::sh -c touch% /tmp/x',
    'file:///etc/x.git',
    '/etc/x.git',
    '--upload-pack=x',
    'ssh://host/x.git',
    'git@host:x.git',
    'https://-oProxyCommand=x/x.git',
    'https://host/x.git#-x',
    'https://host/x.git#a..b',
    'https://host/x.git#a b',
    'https://host/x.git#a\nb',
    'https://host/x.git#a:b/../c',
    'https://host/x.git#:..',
    'https://host/x.git#:.GIT/hooks',
    'https://host/x.git#:-x',
    'https://host/x.git#refs/.x',
    'https://host/x.git#x.lock',
    'https://host/x.git#x@{1}',
    'https://host/x.git#x^{}',
  ])
    expect(() => parseGitAddress(address)).toThrow('invalid Git address');
});
