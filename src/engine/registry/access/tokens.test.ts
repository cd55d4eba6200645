import { afterEach, expect, test } from 'bun:test';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT, UnsecuredJWT } from 'jose';
import { parseScopes } from './scopes.ts';
import { openSigningKey, parseSigningKey, parseTrustedKeys, toTrusted } from './token-keys.ts';
import { createTokenIssuer, createTokenReader } from './tokens.ts';

const pemOf = (pair: {
  privateKey: { export(options: { type: 'pkcs8'; format: 'pem' }): string | Buffer };
}) => pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const ec = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

function own(now = Date.now) {
  const key = parseSigningKey(pemOf(ec()));
  const issuer = createTokenIssuer({ key, issuer: 'silo', service: 'here', now });
  const source = { kind: 'own', issuer: 'silo', service: 'here', keys: [toTrusted(key.publicKey)] } as const;
  return { key, issuer, source, reader: createTokenReader({ sources: async () => [source], now }) };
}

const grants = parseScopes(['repository:team/app:pull,push']);

test('what was issued is read back, until it expires', async () => {
  let now = Date.now();
  const { issuer, reader } = own(() => now);
  const { token, lifeSeconds } = await issuer.issue('ali', grants);
  expect(await reader.read(token)).toEqual({ subject: 'ali', grants, issuer: 'own' });
  now += (lifeSeconds + 31) * 1000;
  expect(reader.read(token)).rejects.toMatchObject({ kind: 'unauthorized', code: 'invalid-token' });
  expect(reader.read(token)).rejects.toThrow('it has expired');
});

test('tokens that others signed, changed, or left unsigned are refused', async () => {
  const { reader, key } = own();
  const forged = await own().issuer.issue('ali', grants);
  expect(reader.read(forged.token)).rejects.toThrow('signature');
  const claims = { access: [{ type: 'repository', name: 'team/app', actions: ['*'] }] };
  const base = () => new UnsecuredJWT(claims).setIssuer('silo').setAudience('here').setExpirationTime('1h');
  expect(reader.read(base().encode())).rejects.toMatchObject({ kind: 'unauthorized' });
  // The public key as a shared secret: the oldest trick.
  const secret = Buffer.from(key.publicKey.export({ type: 'spki', format: 'pem' }));
  const confused = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('silo')
    .setAudience('here')
    .setExpirationTime('1h')
    .sign(secret);
  expect(reader.read(confused)).rejects.toMatchObject({ kind: 'unauthorized' });
  for (const junk of ['', 'x', 'a.b.c', 'x'.repeat(100_000)])
    expect(reader.read(junk)).rejects.toMatchObject({ kind: 'unauthorized' });
});

test('a token for another service, or without an end, is refused', async () => {
  const { key, reader } = own();
  const sign = (audience: string, expires: boolean) => {
    const jwt = new SignJWT({}).setProtectedHeader({ alg: 'ES256' }).setIssuer('silo').setAudience(audience);
    return (expires ? jwt.setExpirationTime('1h') : jwt).sign(key.key);
  };
  expect(reader.read(await sign('elsewhere', true))).rejects.toThrow('"aud"');
  expect(reader.read(await sign('here', false))).rejects.toThrow('"exp"');
  expect(await reader.read(await sign('here', true))).toEqual({ subject: '', grants: [], issuer: 'own' });
});

test('a foreign issuer is trusted by its keys: a JWK set, PEM keys, several of them', async () => {
  const [first, second, rsa] = [ec(), ec(), generateKeyPairSync('rsa', { modulusLength: 2048 })];
  const jwks = JSON.stringify({
    keys: [
      first.publicKey.export({ format: 'jwk' }),
      { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'r' },
    ],
  });
  const pem = [first, second, rsa]
    .map((pair) => pair.publicKey.export({ type: 'spki', format: 'pem' }))
    .join('');
  const claims = { access: [{ type: 'repository', name: 'team/app', actions: ['pull', 'push', 'fly'] }] };
  const sign = (pair: { privateKey: Parameters<SignJWT['sign']>[0] }, alg: string) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg, kid: 'any' })
      .setIssuer('them')
      .setSubject('eve')
      .setAudience(['x', 'here'])
      .setExpirationTime('1h')
      .sign(pair.privateKey);
  const readerOf = (text: string) => {
    const source = {
      kind: 'foreign',
      issuer: 'them',
      service: 'here',
      keys: parseTrustedKeys(text),
    } as const;
    return createTokenReader({ sources: async () => [source] });
  };
  const expected = { subject: 'eve', grants, issuer: 'foreign' } as const;
  expect(await readerOf(jwks).read(await sign(first, 'ES256'))).toEqual(expected);
  expect(await readerOf(jwks).read(await sign(rsa, 'RS256'))).toEqual(expected);
  expect(await readerOf(pem).read(await sign(second, 'ES256'))).toEqual(expected);
  expect(readerOf(jwks).read(await sign(second, 'ES256'))).rejects.toThrow('signature');
  // Its word counts under its own name only.
  expect(own().reader.read(await sign(first, 'ES256'))).rejects.toMatchObject({ kind: 'unauthorized' });
});

test('keys that prove nothing are refused', () => {
  const secretSet = JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] });
  expect(() => parseTrustedKeys(secretSet)).toThrow('no public key');
  expect(() => parseTrustedKeys(pemOf(ec()))).toThrow('private key');
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  expect(() => parseSigningKey(pemOf(small))).toThrow('not used');
  expect(() => parseSigningKey('nothing')).toThrow('no private key');
});

test('a refresh token lasts until the password changes, and opens nothing itself', async () => {
  const { issuer, reader } = own();
  const token = await issuer.issueRefresh('ali', 'hash-1');
  expect(await issuer.readRefresh(token, async () => 'hash-1')).toBe('ali');
  expect(issuer.readRefresh(token, async () => 'hash-2')).rejects.toThrow('account has changed');
  expect(issuer.readRefresh(token, async () => undefined)).rejects.toThrow('account has changed');
  expect(reader.read(token)).rejects.toMatchObject({ kind: 'unauthorized' });
  const access = await issuer.issue('ali', grants);
  expect(issuer.readRefresh(access.token, async () => 'hash-1')).rejects.toMatchObject({
    kind: 'unauthorized',
  });
});

test('a token of an account is void as soon as the account is gone or has another password', async () => {
  const { issuer, source } = own();
  let seal: string | undefined = 'hash-1';
  const reader = createTokenReader({ sources: async () => [source], sealOf: async () => seal });
  const { token } = await issuer.issue('ali', grants, 'hash-1');
  const nobody = await issuer.issue('', grants);
  const unsealed = await issuer.issue('ali', grants);
  expect(await reader.read(token)).toEqual({ subject: 'ali', grants, issuer: 'own' });
  expect(reader.read(unsealed.token)).rejects.toThrow('account has changed');
  for (const now of ['hash-2', undefined]) {
    seal = now;
    expect(reader.read(token)).rejects.toMatchObject({ code: 'invalid-token' });
  }
  seal = 'hash-1';
  expect(await reader.read(token)).toMatchObject({ subject: 'ali' });
  expect(await reader.read(nobody.token)).toMatchObject({ subject: '' });
});

test('scopes are read as the specification writes them, and junk is passed over', () => {
  expect(parseScopes(['repository:a/b:pull,push repository:c:*', 'repository(plugin):d:pull'])).toEqual([
    { repository: 'a/b', actions: ['pull', 'push'] },
    { repository: 'c', actions: ['pull', 'push', 'delete'] },
    { repository: 'd', actions: ['pull'] },
  ]);
  const junk = [
    'registry:catalog:*',
    'repository:A:pull',
    'repository:../x:pull',
    'repository:a',
    'x'.repeat(999),
  ];
  expect(parseScopes(junk)).toEqual([]);
  expect(parseScopes(Array.from({ length: 500 }, () => 'repository:a:pull'))).toHaveLength(100);
});

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

test('the key of a server is made once and only its own to read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'silo-keys-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const path = join(folder, 'token-key.pem');
  const first = await openSigningKey(path);
  expect((await openSigningKey(path)).id).toBe(first.id);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});
