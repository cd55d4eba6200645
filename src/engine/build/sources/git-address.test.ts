import { expect, test } from 'bun:test';
import { parseGitAddress, parseSubmoduleAddress } from './git-address.ts';

const plain = { folder: '', keepGitDir: false, submodules: true };
const commit = 'a'.repeat(40);

test('a Git address has a repository, a ref and a folder, and no credentials in its url', () => {
  expect(parseGitAddress('https://me:se%20cret@host:8443/a/b.git#feature/x:/sub//deep/')).toEqual({
    ...plain,
    url: 'https://host:8443/a/b.git',
    transport: 'https',
    host: 'host',
    credentials: 'me:se cret',
    ref: 'feature/x',
    folder: 'sub/deep',
  });
  expect(parseGitAddress('git://host/b')).toEqual({
    ...plain,
    url: 'git://host/b',
    transport: 'git',
    host: 'host',
  });
  expect(parseGitAddress('git@host:a/b.git#main')).toEqual({
    ...plain,
    url: 'git@host:a/b.git',
    transport: 'ssh',
    host: 'host',
    ref: 'main',
  });
  expect(parseGitAddress('ssh://git:pass@host:2222/~/b')).toEqual({
    ...plain,
    url: 'ssh://git@host:2222/~/b',
    transport: 'ssh',
    host: 'host',
  });
});

test('words of a query say what the fragment says, and more', () => {
  const of = (query: string) => {
    const { url: _, transport: _t, host: _h, ...rest } = parseGitAddress(`https://host/x.git${query}`);
    return rest;
  };
  expect(of('?branch=main')).toEqual({ ...plain, ref: 'refs/heads/main' });
  expect(of('?tag=v1&subdir=a/b')).toEqual({ ...plain, ref: 'refs/tags/v1', folder: 'a/b' });
  expect(of(`?commit=${commit}`)).toEqual({ ...plain, ref: commit, commit });
  expect(of(`?ref=main&checksum=${commit.slice(0, 8).toUpperCase()}`)).toEqual({
    ...plain,
    ref: 'main',
    commit: commit.slice(0, 8),
  });
  expect(of('?keep-git-dir=1&submodules=false#main:x')).toEqual({
    ref: 'main',
    folder: 'x',
    keepGitDir: true,
    submodules: false,
  });
});

test('queries that contradict, repeat or mean nothing are refused', () => {
  for (const [query, why] of [
    ['?what=1', 'unexpected query "what"'],
    ['?branch=a&branch=b', 'query "branch" has multiple values'],
    ['?branch=', 'query "branch" has no value'],
    ['?branch=a&tag=a', 'ref conflicts'],
    ['?ref=a#b', 'ref conflicts'],
    ['?subdir=a#b:c', 'subdir conflicts'],
    ['?submodules=perhaps', 'neither true nor false'],
    ['?commit=xyz', 'is no commit'],
    [`?commit=${commit}&checksum=${'b'.repeat(40)}`, 'commit conflicts'],
    ['?ref=--upload-pack=x', 'is no name of a ref'],
    ['?branch=a%0ab', 'is no name of a ref'],
    ['?tag=../x', 'is no name of a ref'],
    ['?subdir=../x', 'is no folder'],
    ['?subdir=-x', 'is no folder'],
    ['?subdir=.git/hooks', 'is no folder'],
  ])
    expect(() => parseGitAddress(`https://host/x.git${query}`)).toThrow(why);
});

test('what a program could take for something else is refused', () => {
  for (const address of [
    'ext::sh -c touch% /tmp/x',
    'ext::sh',
    'file:///etc/x.git',
    '/etc/x.git',
    '--upload-pack=x',
    'ssh://-oProxyCommand=x/x.git',
    'ssh://%2doProxyCommand=x/x.git',
    'ssh://-l@host/x.git',
    'ssh://a%20b@host/x.git',
    'ssh:///x.git',
    'git@-oProxyCommand:x.git',
    '-x@host:y',
    'git@host:-x.git',
    'git@host:',
    'https://-oProxyCommand=x/x.git',
    'https://%zz@host/x.git',
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

test('relative addresses of submodules stay on the server that names them', () => {
  const from = (parent: string) => (text: string) => {
    const { url, credentials } = parseSubmoduleAddress(text, parseGitAddress(parent));
    return credentials === undefined ? url : `${credentials} ${url}`;
  };
  const web = from('https://me:pw@host/a/b.git');
  expect(web('../c.git')).toBe('me:pw https://host/a/c.git');
  expect(web('../../c/d.git')).toBe('me:pw https://host/c/d.git');
  expect(web('./c')).toBe('me:pw https://host/a/b.git/c');
  expect(web('https://host/other')).toBe('me:pw https://host/other');
  // What is for one server is for no other, whatever the repository says.
  for (const other of ['https://evil/x', 'https://host:444/x', 'http://host/x', 'git@host:x'])
    expect(web(other)).toBe(other);
  const short = from('git@host:a/b.git');
  expect(short('../c.git')).toBe('git@host:a/c.git');
  expect(short('../../c.git')).toBe('git@host:c.git');
  for (const bad of ['../../../c', '../../-x', '/etc', 'file:///x', 'ext::sh', '--upload-pack=x', '-x', ''])
    expect(() => short(bad)).toThrow('invalid Git address');
  for (const bad of ['../../../c.git', '../../../../evil/x', '../x?y', '../x#y', '.. /x'])
    expect(() => web(bad)).toThrow('invalid Git address');
  expect(() => from('https://host/')('../c')).toThrow('leads out');
});
