import { describe, expect, test } from 'bun:test';
import { parseChallenges } from './challenge.ts';
import { mayShowCredentials, parseRealm } from './realm.ts';
import { retryAfterMs } from './retry.ts';
import { isInsecureHost, isLoopbackHost, mayReach } from './trust.ts';

describe('trust', () => {
  test.each([
    ['localhost', true],
    ['localhost:5000', true],
    ['127.0.0.1:5000', true],
    ['127.9.9.9', true],
    ['[::1]:5000', true],
    ['[::ffff:127.0.0.1]', true],
    ['localhost.example.com', false],
    ['127.0.0.1.example.com', false],
    ['10.0.0.1', false],
  ])('%s is loopback: %p', (host, expected) => {
    expect(isLoopbackHost(host)).toBe(expected);
  });

  test.each([
    ['registry.local:5000', ['registry.local'], true],
    ['registry.local:5000', ['registry.local:5000'], true],
    ['registry.local:5001', ['registry.local:5000'], false],
    ['REGISTRY.local', ['registry.local'], true],
    ['evil-registry.local', ['registry.local'], false],
    ['10.1.2.3:5000', ['10.0.0.0/8'], true],
    ['11.1.2.3', ['10.0.0.0/8'], false],
    ['[fd00::5]:5000', ['fd00::/8'], true],
    ['ten.example.com', ['0.0.0.0/0'], false],
    ['10.0.0.1', ['10.0.0.0/99', 'x/y', '/'], false],
    ['a.example', [], false],
  ])('%s listed in %p is insecure: %p', (host, listed, expected) => {
    expect(isInsecureHost(host, listed)).toBe(expected);
  });

  test.each([
    ['169.254.169.254', 'followed-locally', false],
    ['::ffff:a9fe:a9fe', 'followed-locally', false],
    ['64:ff9b::169.254.169.254', 'followed', false],
    ['fe80::1', 'followed', false],
    ['fd00:ec2::254', 'followed', false],
    ['0.0.0.0', 'followed', false],
    ['127.0.0.1', 'followed', false],
    ['127.0.0.1', 'followed-locally', true],
    ['::ffff:7f00:1', 'followed', false],
    ['93.184.216.34', 'followed', true],
    ['10.0.0.1', 'followed', true],
    ['2606:2800::1', 'followed', true],
    ['169.254.169.254', 'named', true],
  ] as const)('%s by %s is reachable: %p', (address, reach, expected) => {
    expect(mayReach(address, reach)).toBe(expected);
  });
});

describe('token servers', () => {
  const none = { insecure: [] };
  test.each([
    ['registry-1.docker.io', 'auth.docker.io', true],
    ['registry.gitlab.com', 'gitlab.com', true],
    ['ghcr.io', 'ghcr.io', true],
    ['registry.example.co.uk', 'auth.example.co.uk', true],
    ['example.co.uk', 'evil.co.uk', false],
    ['example.com.au', 'evil.com.au', false],
    ['ghcr.io', 'evil.io', false],
    ['registry.example.com', 'example.com.evil.net', false],
    ['registry.example.com', 'evilexample.com', false],
    ['10.0.0.1', '10.0.0.2', false],
  ])('of %s: %s may see credentials: %p', (registry, server, expected) => {
    const allowed = mayShowCredentials(
      new URL(`https://${server}/t`),
      new URL(`https://${registry}/v2/`),
      none,
    );
    expect(allowed).toBe(expected);
  });

  test('a host with the name of something else is nothing special', () => {
    const registry = new URL('https://constructor/v2/');
    const access = { insecure: [], tokenServers: {} };
    expect(mayShowCredentials(new URL('https://sso.example/'), registry, access)).toBe(false);
  });

  test('listed ones may', () => {
    const access = { insecure: [], tokenServers: { 'hub.internal.example': ['sso.corp.example'] } };
    const registry = new URL('https://hub.internal.example/v2/');
    expect(mayShowCredentials(new URL('https://sso.corp.example/t'), registry, access)).toBe(true);
  });

  test('plain HTTP is for hosts that are trusted that far on both sides', () => {
    const plain = new URL('http://10.0.0.1:5000/v2/');
    const access = { insecure: ['10.0.0.0/8'] };
    expect(parseRealm('http://10.0.0.1:5001/t', plain, access).host).toBe('10.0.0.1:5001');
    expect(() => parseRealm('http://11.0.0.1/t', plain, access)).toThrow('without encryption');
    expect(() => parseRealm('http://10.0.0.1/t', new URL('https://10.0.0.1/v2/'), access)).toThrow();
  });
});

test('challenges are read as servers write them', () => {
  expect(
    parseChallenges('Bearer realm="https://auth.example/token",service="a, b",scope="x:\\"y\\":z"').map(
      (each) => ({
        ...each,
        parameters: { ...each.parameters },
      }),
    ),
  ).toEqual([
    {
      scheme: 'bearer',
      parameters: { realm: 'https://auth.example/token', service: 'a, b', scope: 'x:"y":z' },
    },
  ]);
  const schemes = (header: string): string[] => parseChallenges(header).map(({ scheme }) => scheme);
  expect(schemes('Negotiate, Basic realm="x", Bearer realm=y')).toEqual(['negotiate', 'basic', 'bearer']);
  expect(schemes('BASIC Realm = "x"')).toEqual(['basic']);
  expect(schemes('"broken')).toEqual([]);
  expect(schemes('Bearer __proto__="x",realm="unclosed')).toEqual(['bearer']);
  const begin = performance.now();
  parseChallenges('Bearer '.repeat(100_000));
  parseChallenges(`Bearer a="${'\\'.repeat(100_000)}`);
  expect(performance.now() - begin).toBeLessThan(10_000);
});

test('Retry-After is read in both forms', () => {
  expect(retryAfterMs('3', 0)).toBe(3000);
  expect(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 4000)).toBe(6000);
  expect(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 40_000)).toBe(0);
  expect(retryAfterMs('soon', 0)).toBeUndefined();
  expect(retryAfterMs(undefined, 0)).toBeUndefined();
});
