import { describe, expect, test } from 'bun:test';
import { toSiloError } from '../../foundation/base/errors.ts';
import { parseMirror, parseRegistries } from './registry-config.ts';

const read = (value: unknown): ReturnType<typeof parseRegistries> =>
  parseRegistries(value, '"registries" in f');
const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return toSiloError(error).message;
  }
  return 'no error';
};

describe('settings of registries', () => {
  test('are read, with mirrors in short and in long form', () => {
    const found = read({
      'docker.io': { mirrors: ['https://mirror.example', { url: 'http://10.0.0.2:5000/hub/', tags: true }] },
      'registry.corp:5000': { insecure: true, 'token-servers': ['sso.corp'] },
      '[fd00::1]:5000': {
        mirrors: [{ url: 'https://m', username: 'u', 'password-file': '/etc/silo/m', insecure: true }],
      },
    });
    expect(Object.keys(read({ 'index.docker.io': {}, 'Registry.Corp': {} }))).toEqual([
      'docker.io',
      'registry.corp',
    ]);
    expect(found).toEqual({
      'docker.io': {
        mirrors: [
          { url: 'https://mirror.example', tags: false, insecure: false },
          { url: 'http://10.0.0.2:5000/hub', tags: true, insecure: false },
        ],
        insecure: false,
        tokenServers: [],
      },
      'registry.corp:5000': { mirrors: [], insecure: true, tokenServers: ['sso.corp'] },
      '[fd00::1]:5000': {
        mirrors: [
          {
            url: 'https://m',
            tags: false,
            insecure: true,
            account: { username: 'u', passwordFile: '/etc/silo/m' },
          },
        ],
        insecure: false,
        tokenServers: [],
      },
    });
  });

  test.each([
    [[], 'want a JSON object'],
    [{ 'https://a': {} }, 'is no registry'],
    [{ 'a/b': {} }, 'is no registry'],
    [{ a: 'x' }, 'must be an object'],
    [{ a: { mirror: [] } }, 'unknown key "mirror"'],
    [{ a: { mirrors: 'https://m' } }, 'must be an array'],
    [{ a: { mirrors: [3] } }, 'want a JSON object'],
    [{ a: { mirrors: [{ url: 'https://m', tag: true }] } }, 'unknown key "tag"'],
    [{ a: { mirrors: [{}] } }, 'want http://HOST or https://HOST'],
    [{ a: { mirrors: [{ url: 'https://m', username: 'u' }] } }, 'belong together'],
    [{ a: { mirrors: [{ url: 'https://m', username: 'u', 'password-file': 'x' }] } }, 'absolute path'],
    [{ a: { insecure: 'yes' } }, 'must be true or false'],
    [{ a: { 'token-servers': ['https://x'] } }, 'no HOST or HOST:PORT'],
    [{ a: { mirrors: Array.from({ length: 21 }, () => 'https://m') } }, 'more than the limit of 20'],
  ])('%j is refused with a reason', (value, reason) => {
    expect(messageOf(() => read(value))).toContain(reason);
  });

  test.each([
    'mirror.example',
    'ftp://m',
    'https://u:secret@m',
    'https://m?x',
    'https://m/#a',
    'https://m/../x y',
    '',
  ])('the mirror %j is refused, without its password', (address) => {
    const message = messageOf(() => parseMirror(address, { where: 'f', tags: true }));
    expect(message).toContain('invalid mirror');
    expect(message).not.toContain('secret');
  });
});
