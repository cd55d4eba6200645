import { expect, test } from 'bun:test';
import { type Caller, createGate } from './gate.ts';
import { parseAccessRules } from './rules.ts';

const rules = parseAccessRules('allow ali team/** pull,push\nallow everyone public/** pull');
const gate = createGate({
  rules: async () => rules,
  passwords: { check: async (name, password) => name === 'ali' && password === 'a:b' },
});
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test('who asks is read from the header, or refused', async () => {
  expect(await gate.identify(undefined)).toEqual({ kind: 'anonymous' });
  expect(await gate.identify(basic('ali:a:b'))).toEqual({ kind: 'user', name: 'ali' });
  for (const wrong of [basic('ali:x'), basic('ali'), 'Basic', 'Basic ???', 'Bearer x', 'Digest x', ''])
    expect(gate.identify(wrong)).rejects.toMatchObject({ kind: 'unauthorized' });
});

const token = (subject: string, issuer: 'own' | 'foreign'): Caller => ({
  kind: 'token',
  subject,
  issuer,
  grants: [{ repository: 'team/app', actions: ['pull'] }],
});

test('a verdict tells those who should log in from those who may not', async () => {
  const anonymous: Caller = { kind: 'anonymous' };
  const ali: Caller = { kind: 'user', name: 'ali' };
  expect(await gate.judge(anonymous, 'public/app', 'pull')).toBe('allowed');
  expect(await gate.judge(anonymous, 'team/app', 'pull')).toBe('login-needed');
  expect(await gate.judge(ali, 'team/app', 'push')).toBe('allowed');
  expect(await gate.judge(ali, 'team/app', 'delete')).toBe('denied');
  expect(await gate.judge(token('ali', 'own'), 'team/app', 'pull')).toBe('allowed');
  expect(await gate.judge(token('ali', 'own'), 'team/app', 'push')).toBe('scope-needed');
  expect(await gate.judge(token('ali', 'own'), 'team/app', 'delete')).toBe('denied');
  expect(await gate.judge(token('eve', 'foreign'), 'team/app', 'push')).toBe('scope-needed');
  expect(await gate.judge(token('', 'own'), 'team/app', 'push')).toBe('scope-needed');
  // The rules took back what these tokens carry; a foreign server's word stands.
  expect(await gate.judge(token('ben', 'own'), 'team/app', 'pull')).toBe('denied');
  expect(await gate.judge(token('', 'own'), 'team/app', 'pull')).toBe('scope-needed');
  expect(await gate.judge(token('eve', 'foreign'), 'team/app', 'pull')).toBe('allowed');
});

test('of what is asked for, only what the rules give is granted', async () => {
  const wanted = [
    { repository: 'team/app', actions: ['pull', 'delete'] },
    { repository: 'other', actions: ['pull'] },
  ] as const;
  const asked = wanted.map(({ repository, actions }) => ({ repository, actions: [...actions] }));
  expect(await gate.grant('ali', asked)).toEqual([{ repository: 'team/app', actions: ['pull'] }]);
  expect(await gate.grant(undefined, asked)).toEqual([]);
});
