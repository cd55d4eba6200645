import { expect, test } from 'bun:test';
import { generateKeyPairSync } from 'node:crypto';
import { createGate } from '../../../engine/registry/access/gate.ts';
import { parseAccessRules } from '../../../engine/registry/access/rules.ts';
import { parseSigningKey, toTrusted } from '../../../engine/registry/access/token-keys.ts';
import { createTokenIssuer, createTokenReader } from '../../../engine/registry/access/tokens.ts';
import { formatChallenge, realmFor } from './challenge.ts';
import { createTokenEndpoint } from './token-endpoint.ts';

function endpoint(text = 'allow ali team/** pull,push\nallow everyone public/** pull') {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = parseSigningKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const issuer = createTokenIssuer({ key, issuer: 'silo', service: 's' });
  const keys = [toTrusted(key.publicKey)];
  const rules = parseAccessRules(text);
  let seal = 'one';
  const gate = createGate({
    rules: async () => rules,
    passwords: { check: async (name, password) => name === 'ali' && password === 'sesame' },
    tokens: createTokenReader({ sources: async () => [{ kind: 'own', issuer: 'silo', service: 's', keys }] }),
  });
  const tokens = createTokenEndpoint({
    gate,
    issuer,
    sealOf: async (user) => (user === 'ali' ? seal : undefined),
    openToAnonymous: async () => rules.openToAnonymous,
  });
  return { gate, tokens, changePassword: () => (seal = 'two') };
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const query = (text: string) => new URLSearchParams(text);

test('a token carries what the rules give of what was asked for', async () => {
  const { tokens, gate } = endpoint();
  const asked = query('service=s&scope=repository:team/app:pull,push,delete&scope=repository:other:pull');
  const answer = await tokens.get(asked, basic('ali:sesame'));
  expect(answer).toMatchObject({ scope: 'repository:team/app:pull,push', expires_in: 300 });
  expect(answer.refresh_token).toBeUndefined();
  const caller = await gate.identify(`Bearer ${answer.token}`);
  expect(await gate.judge(caller, 'team/app', 'push')).toBe('allowed');
  expect(await gate.judge(caller, 'team/app', 'delete')).toBe('denied');
  expect(await gate.judge(caller, 'team/app2', 'push')).toBe('scope-needed');
});

test('nobody in particular gets what everyone may, where there is any such thing', async () => {
  const scope = query('scope=repository:public/app:pull,push');
  expect(await endpoint().tokens.get(scope, undefined)).toMatchObject({
    scope: 'repository:public/app:pull',
  });
  const closed = endpoint('allow ali ** all').tokens;
  expect(closed.get(scope, undefined)).rejects.toMatchObject({ kind: 'unauthorized' });
});

test('a wrong password and a token instead of one are refused', async () => {
  const { tokens } = endpoint();
  expect(tokens.get(query(''), basic('ali:x'))).rejects.toMatchObject({ code: 'wrong-password' });
  const { token } = await tokens.get(query(''), basic('ali:sesame'));
  expect(tokens.get(query(''), `Bearer ${token}`)).rejects.toMatchObject({ kind: 'unauthorized' });
});

test('a refresh token brings tokens until the password changes', async () => {
  const { tokens, changePassword } = endpoint();
  const form = { grant_type: 'password', username: 'ali', password: 'sesame', access_type: 'offline' };
  const first = await tokens.post(new URLSearchParams(form));
  const again = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: first.refresh_token ?? '',
    scope: 'repository:team/app:pull',
  });
  expect(await tokens.post(again)).toMatchObject({ scope: 'repository:team/app:pull' });
  changePassword();
  expect(tokens.post(again)).rejects.toMatchObject({ kind: 'unauthorized' });
  expect(tokens.post(query('grant_type=magic'))).rejects.toMatchObject({ code: 'unsupported-grant' });
});

test('nothing that a client sends leaves its quotes in a challenge', () => {
  const challenger = { kind: 'bearer', realm: 'http://h/token', service: 'a"b\\c' } as const;
  const value = formatChallenge(challenger, {
    repository: 'x",realm="http://evil\r\nSet-Cookie: a=b',
    actions: ['pull'],
    error: 'insufficient_scope',
  });
  expect(value).toBe(
    String.raw`Bearer realm="http://h/token",service="a\"b\\c",scope="repository:x\",realm=\"http://evilSet-Cookie: a=b:pull",error="insufficient_scope"`,
  );
  expect(formatChallenge({ kind: 'basic', realm: 'Silo' })).toBe('Basic realm="Silo", charset="UTF-8"');
});

test('the token server is where the client found us, or where the operator says', () => {
  const at = (host: string | undefined) => realmFor({ externalUrl: undefined, secure: true, host });
  expect(at('reg.example:5000')).toBe('https://reg.example:5000/token');
  expect(at('[::1]:5000')).toBe('https://[::1]:5000/token');
  for (const bad of [undefined, '', 'a/b', 'a@b', 'a b', 'a"b', 'x'.repeat(300)])
    expect(at(bad)).toBeUndefined();
  expect(realmFor({ externalUrl: 'https://r.example/x/', secure: false, host: 'h' })).toBe(
    'https://r.example/x/token',
  );
});
