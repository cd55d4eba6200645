import { expect, test } from 'bun:test';
import { readRegistryObject, resolveRegistrySettings } from './settings.ts';

test('nothing given is an open registry on loopback', () => {
  expect(resolveRegistrySettings({})).toEqual({
    address: '127.0.0.1:5000',
    root: '/var/lib/silo-registry',
    anonymousRead: false,
    auth: 'basic',
    tokenService: 'silo-registry',
    readOnly: false,
    upstreams: [],
    upstreamInsecure: [],
    metrics: false,
    page: true,
  });
});

test('sizes are read in powers of ten and of two', () => {
  const { quotaBytes, repositoryQuotaBytes } = resolveRegistrySettings({
    quota: '1.5GB',
    'repository-quota': '2MiB',
  });
  expect([quotaBytes, repositoryQuotaBytes]).toEqual([1_500_000_000, 2_097_152]);
});

test('a rate is read with its time', () => {
  expect(resolveRegistrySettings({ 'rate-limit': '600/m' }).rateLimit).toEqual({
    requests: 600,
    perMs: 60_000,
  });
});

test('reading without a login goes by tokens, as Docker needs it', () => {
  expect(resolveRegistrySettings({ htpasswd: 'u', 'anonymous-read': true }).auth).toBe('token');
  expect(resolveRegistrySettings({ htpasswd: 'u', 'anonymous-read': true, auth: 'basic' }).auth).toBe(
    'basic',
  );
});

test.each([
  [{ auth: 'token' }, 'auth needs users'],
  [{ auth: 'digest', htpasswd: 'u' }, 'auth must be basic or token'],
  [{ 'access-file': 'a' }, 'an access file needs users'],
  [{ 'tls-cert': 'c' }, 'belong together'],
  [{ 'tls-client-ca': 'c' }, 'belong together'],
  [{ 'token-realm': 'https://x/token' }, 'belong together'],
  [{ 'external-url': 'ftp://x' }, 'external-url must be an address'],
  [{ 'external-url': 'https://user:pw@x' }, 'external-url must be an address'],
  [{ quota: '0' }, 'quota must be a size'],
  [{ quota: 'lots' }, 'quota must be a size'],
  [{ 'pull-through': ['nowhere'] }, 'names no upstream registry'],
  [{ 'rate-limit': '100' }, 'rate-limit must be a number of requests'],
  [{ 'rate-limit': '0/s' }, 'rate-limit must be a number of requests'],
])('%p is refused', (given, words) => {
  expect(() => resolveRegistrySettings(given)).toThrow(words);
});

test.each([
  [[], 'must be an object'],
  [{ adr: 'x' }, 'unknown key "adr"'],
  [{ addr: 5000 }, '"addr" must be text'],
  [{ metrics: 'yes' }, '"metrics" must be true or false'],
  [{ 'pull-through': 'docker.io' }, '"pull-through" must be a list of texts'],
  [JSON.parse('{"__proto__": 1}'), 'unknown key "__proto__"'],
])('the configuration %p is refused by name', (value, words) => {
  expect(() => readRegistryObject(value, '"registry" in FILE')).toThrow(words);
});
