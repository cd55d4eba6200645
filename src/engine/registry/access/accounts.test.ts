import { expect, test } from 'bun:test';
import { parseHtpasswd } from './htpasswd.ts';
import { createPasswords } from './passwords.ts';

const hash = '$2b$04$6Eib4uVzuED2IeUDYIFDL.sgQJukjQx4nnWQTS3fLR.6oYqQIr5V2';
const other = '$2b$04$6Eib4uVzuED2IeUDYIFDL.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx';

test('a file of htpasswd gives names and bcrypt hashes, and refuses weaker ones by line', () => {
  expect([...parseHtpasswd(`# people\n\nali:${hash}\r\nben:${hash}\n`).keys()]).toEqual(['ali', 'ben']);
  expect(() => parseHtpasswd(`ali:${hash}\nben:$apr1$x$y\n`)).toThrow('line 2: the password of ben');
  expect(() => parseHtpasswd(`:${hash}`)).toThrow('line 1');
  expect(() => parseHtpasswd(`a\u001b[2Jb:${hash}`)).toThrow('line 1');
});

test('a proven password is remembered for a while, until its hash changes', async () => {
  let accounts = new Map([['ali', hash]]);
  let now = 0;
  const passwords = createPasswords({
    accounts: async () => accounts,
    now: () => now,
    waiting: 0,
    atOnce: 1,
  });
  expect(await passwords.check('ali', 'open-sesame')).toBe(true);
  expect(await passwords.check('ali', 'open-sesam')).toBe(false);
  // While one hash is computed, a second one is refused: what is remembered needs none.
  const busy = passwords.check('ali', 'guess');
  expect(await passwords.check('ali', 'open-sesame')).toBe(true);
  now = 60_001;
  expect(passwords.check('ali', 'open-sesame')).rejects.toMatchObject({ code: 'too-many-requests' });
  await busy;
  expect(await passwords.check('ali', 'open-sesame')).toBe(true);
  accounts = new Map([['ali', other]]);
  expect(await passwords.check('ali', 'open-sesame')).toBe(false);
  accounts = new Map();
  expect(await passwords.check('ali', 'open-sesame')).toBe(false);
});

test('a flood of guesses waits in a short line, equal ones share one computation', async () => {
  const passwords = createPasswords({
    accounts: async () => new Map([['ali', hash]]),
    atOnce: 1,
    waiting: 2,
  });
  const same = await Promise.all(Array.from({ length: 50 }, () => passwords.check('ali', 'open-sesame')));
  expect(new Set(same)).toEqual(new Set([true]));
  const flood = await Promise.allSettled(
    Array.from({ length: 50 }, (_, index) => passwords.check('ali', `guess ${index}`)),
  );
  expect(flood.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
});

test('an unknown name is no user, even with the password of another', async () => {
  const passwords = createPasswords({ accounts: async () => new Map([['ali', hash]]) });
  expect(await passwords.check('ali', 'open-sesame')).toBe(true);
  expect(await passwords.check('eve', 'open-sesame')).toBe(false);
  const nobody = createPasswords({ accounts: async () => new Map() });
  expect(await nobody.check('ali', 'open-sesame')).toBe(false);
});
