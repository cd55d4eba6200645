import { expect, test } from 'bun:test';
import { actions } from './actions.ts';
import { defaultRules, parseAccessRules } from './rules.ts';

const rules = parseAccessRules(`
# people
group devs = ben carl
allow ali    **             all
allow @devs  team/**        pull,push
allow users  home/{user}/** pull,push,delete
allow users  lib*           pull
allow everyone public/*     pull
`);

const table: [string | undefined, string, string][] = [
  ['ali', 'anything/at/all', 'pull push delete'],
  ['ben', 'team/app', 'pull push'],
  ['ben', 'team/deep/er', 'pull push'],
  ['ben', 'team', ''],
  ['ben', 'steam/app', ''],
  ['ben', 'home/ben/x', 'pull push delete'],
  ['ben', 'home/carl/x', ''],
  ['dan', 'library', 'pull'],
  ['dan', 'lib/x', ''],
  ['dan', 'team/app', ''],
  [undefined, 'public/app', 'pull'],
  [undefined, 'public/app/deep', ''],
  [undefined, 'home/undefined/x', ''],
  // A name that is more than one component must not widen the pattern.
  ['*', 'home/ben/x', ''],
  ['../x', 'home/../x/y', ''],
];

test.each(table)('%p may do with %p: %p', (user, repository, expected) => {
  expect(actions.filter((action) => rules.allows(user, repository, action)).join(' ')).toBe(expected);
});

test.each([
  ['deny ali ** pull', 'neither "allow" nor "group"'],
  ['allow ali ** read', '"read" is no action'],
  ['allow ali', 'want: allow WHO PATTERN ACTIONS'],
  ['allow ali Team/** pull', 'no pattern'],
  ['allow ali a*b*c*d*e* pull', 'no pattern'],
  ['allow @nobody ** pull', 'there is no group nobody'],
  ['\nallow a:b ** pull', 'line 2: "a:b" is no user name'],
])('%p is refused', (text, words) => {
  expect(() => parseAccessRules(text)).toThrow(words);
});

test('without a file, users may do everything and others read if that was wished', () => {
  expect(defaultRules({ anonymousRead: false }).allows('ali', 'x', 'delete')).toBe(true);
  expect(defaultRules({ anonymousRead: false }).allows(undefined, 'x', 'pull')).toBe(false);
  expect(defaultRules({ anonymousRead: true }).allows(undefined, 'x', 'pull')).toBe(true);
  expect(defaultRules({ anonymousRead: true }).allows(undefined, 'x', 'push')).toBe(false);
});
