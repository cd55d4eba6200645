import { expect, test } from 'bun:test';
import { splitVersion } from '../versions.ts';
import { flag, integer, listOf, mapOf, objectOf, text, words } from './decode.ts';
import { booleanFilter, matchesLabels, parseFilters } from './filters.ts';
import { compileGlob } from './glob.ts';
import { compileNamePattern } from './name-pattern.ts';
import { parseInteger, queryFlag, queryTimeMs } from './query.ts';
import { readRegistryAuth } from './registry-auth.ts';
import { parseMoment } from './times.ts';

const decode = objectOf<{ A?: string; B?: { C?: number[] | null } | null; D?: Record<string, boolean> }>({
  A: text,
  B: objectOf<{ C?: number[] | null }>({ C: listOf(integer) }),
  D: mapOf(flag),
});

test('fields are checked by type, null and unknown ones are left out', () => {
  expect(decode({ A: 'x', B: { C: [1] }, D: { y: true }, E: 1 }, '')).toEqual({
    A: 'x',
    B: { C: [1] },
    D: { y: true },
  });
  expect(decode({ A: null, B: null }, '')).toEqual({});
  expect(words('one', '')).toEqual(['one']);
});

test('a wrong type names the field by its path', () => {
  const wrong: [unknown, string][] = [
    [{ A: 1 }, 'cannot unmarshal number into Go struct field A of type string'],
    [{ B: { C: [1, 'x'] } }, 'cannot unmarshal string into Go struct field B.C[1] of type int64'],
    [{ B: { C: [1.5] } }, 'cannot unmarshal number 1.5 into Go struct field B.C[0] of type int64'],
    [{ D: { y: 'x' } }, 'cannot unmarshal string into Go struct field D.y of type bool'],
    [[], 'cannot unmarshal array into Go value of type map'],
    [null, 'cannot unmarshal null into Go value of type map'],
  ];
  for (const [value, message] of wrong) expect(() => decode(value, '')).toThrow(message);
});

test('keys named like parts of JavaScript objects are ordinary keys', () => {
  const given: unknown = JSON.parse('{"D":{"__proto__":true,"constructor":false}}');
  const { D } = decode(given, '');
  expect(Object.keys(D ?? {})).toEqual(['__proto__', 'constructor']);
});

test('a version is split off the path or refused with the words of the real engine', () => {
  expect(splitVersion('/v1.41/info')).toEqual({ path: '/info', minor: 41 });
  expect(splitVersion('/info')).toEqual({ path: '/info', minor: 51 });
  expect(splitVersion('/volumes')).toEqual({ path: '/volumes', minor: 51 });
  expect(() => splitVersion('/v1.52/info')).toThrow(
    'client version 1.52 is too new. Maximum supported API version is 1.51',
  );
  expect(() => splitVersion('/v1.23/info')).toThrow(
    'client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
  );
  expect(() => splitVersion('/v..1/info')).toThrow('invalid API version');
});

test('flags, numbers and times are read as the real engine reads them', () => {
  const query = new URLSearchParams('a=1&b=0&c=no&d=yes&e=&t=1795253146.5');
  expect(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => queryFlag(query, name))).toEqual([
    true,
    false,
    false,
    true,
    false,
    false,
  ]);
  expect(() => parseInteger('1x')).toThrow('strconv.Atoi: parsing "1x": invalid syntax');
  expect(queryTimeMs(query, 't')).toBe(1_795_253_146_500);
  expect(() => queryTimeMs(query, 'd')).toThrow('strconv.ParseInt: parsing "yes": invalid syntax');
});

const filtersOf = (value: unknown, known: string[]) =>
  parseFilters(
    new URLSearchParams({ filters: typeof value === 'string' ? value : JSON.stringify(value) }),
    known,
  );

test('filters come as lists or in the old form, and unknown ones are refused', () => {
  expect(filtersOf({ label: ['a', 'b=c'] }, ['label']).get('label')).toEqual(['a', 'b=c']);
  expect(filtersOf({ label: { a: true, b: false } }, ['label']).get('label')).toEqual(['a', 'b']);
  expect(() => filtersOf({ foo: ['x'] }, ['label'])).toThrow(`invalid filter 'foo'`);
  for (const bad of ['x', '[]', '{"label":"x"}', '{"label":[1]}'])
    expect(() => filtersOf(bad, ['label'])).toThrow('invalid filter');
});

test('labels must all match, truth values must be ones', () => {
  const filters = filtersOf({ label: ['a', 'b=c'], dangling: ['true'] }, ['label', 'dangling']);
  expect(matchesLabels(filters, { a: '', b: 'c' })).toBe(true);
  expect(matchesLabels(filters, { a: '', b: 'd' })).toBe(false);
  expect(matchesLabels(filtersOf({ label: ['constructor'] }, ['label']), {})).toBe(false);
  expect(booleanFilter(filters, 'dangling')).toBe(true);
  expect(() => booleanFilter(filtersOf({ dangling: ['maybe'] }, ['dangling']), 'dangling')).toThrow(
    `invalid filter 'dangling=[maybe]'`,
  );
});

test('name patterns match like the regular expressions of the real engine', () => {
  const cases: [string, string, boolean][] = [
    ['web', 'my-web-1', true],
    ['^web', 'my-web', false],
    ['^/?web$', '/web', true],
    ['^web$', 'web2', false],
    ['a.c', 'xabcx', true],
    ['^(a|bc)+$', 'abcbca', true],
    ['^(a|bc)+$', 'abcb', false],
    ['^[a-c]*x?$', 'abcx', true],
    ['[^a-z]', 'abc', false],
    ['\\d\\d', 'web12', true],
    ['^$', '', true],
    ['a\\.b', 'a.b', true],
    ['(?:ab)*c', 'ababc', true],
  ];
  for (const [pattern, name, matches] of cases) {
    expect([pattern, name, compileNamePattern(pattern)(name)]).toEqual([pattern, name, matches]);
    expect([pattern, name, new RegExp(pattern).test(name)]).toEqual([pattern, name, matches]);
  }
  for (const bad of ['(', ')', '*a', 'a{2}', '[a', 'a\\', '\\b', 'x'.repeat(600)])
    expect(() => compileNamePattern(bad)).toThrow('invalid filter pattern');
});

test('a hostile name pattern takes no more than its share of time', () => {
  const started = performance.now();
  expect(compileNamePattern('^(a+)+$')(`${'a'.repeat(5000)}b`)).toBe(false);
  expect(compileNamePattern('((a?)*)*$'.repeat(20))(`${'a'.repeat(200)}b`)).toBe(true);
  expect(compileGlob('*a*a*a*a*a*a*a*a*b')('a'.repeat(2000))).toBe(false);
  expect(performance.now() - started).toBeLessThan(10_000);
});

test('globs of image names stop at slashes', () => {
  expect(compileGlob('busy*')('busybox:1')).toBe(true);
  expect(compileGlob('*/busybox')('a/busybox')).toBe(true);
  expect(compileGlob('*busybox')('a/busybox')).toBe(false);
  expect(compileGlob('b?')('bb')).toBe(true);
});

test('moments are numbers, dates, or durations back from now', () => {
  const now = 1_000_000_000;
  expect(parseMoment('5.5', now)).toBe(5500);
  expect(parseMoment('1h30m', now)).toBe(now - 5_400_000);
  expect(parseMoment('2026-01-02T00:00:00Z', now)).toBe(Date.UTC(2026, 0, 2));
  for (const bad of ['', 'x', '1y', '5 h', '2026-99-99'])
    expect(() => parseMoment(bad, now)).toThrow('failed to parse');
});

test('registry credentials are read in both base64 alphabets, and rubbish is none', () => {
  const header = (auth: object): Record<string, string> => ({
    'x-registry-auth': Buffer.from(JSON.stringify(auth)).toString('base64url'),
  });
  expect(readRegistryAuth(header({ username: 'u', password: 'p?>~' }))).toEqual({
    username: 'u',
    password: 'p?>~',
  });
  expect(readRegistryAuth(header({ auth: Buffer.from('u:p:q').toString('base64') }))).toEqual({
    username: 'u',
    password: 'p:q',
  });
  expect(readRegistryAuth(header({ identitytoken: 't' }))).toEqual({ identityToken: 't' });
  expect(readRegistryAuth(header({}))).toBeUndefined();
  for (const bad of ['', '!!', Buffer.from('{"username":1}').toString('base64')])
    expect(readRegistryAuth({ 'x-registry-auth': bad })).toBeUndefined();
});
