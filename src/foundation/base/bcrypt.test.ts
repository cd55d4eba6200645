import { expect, test } from 'bun:test';
import { isBcryptHash, verifyBcrypt } from './bcrypt.ts';

const hash = '$2y$04$6Eib4uVzuED2IeUDYIFDL.sgQJukjQx4nnWQTS3fLR.6oYqQIr5V2';

test('a password is compared with the hash, whichever letter the maker put', async () => {
  for (const letter of ['a', 'b', 'y']) {
    const made = hash.replace('$2y', `$2${letter}`);
    expect(await verifyBcrypt('open-sesame', made)).toBe(true);
    expect(await verifyBcrypt('open-sesam', made)).toBe(false);
  }
});

test('what bcrypt would cut is refused', async () => {
  const long = 'x'.repeat(73);
  expect(await verifyBcrypt(long, await Bun.password.hash(long, { algorithm: 'bcrypt', cost: 4 }))).toBe(
    false,
  );
  expect(await verifyBcrypt('', hash)).toBe(false);
  expect(await verifyBcrypt('open-sesame\0x', hash)).toBe(false);
});

test('other hashes and absurd costs are no bcrypt hashes', () => {
  expect(isBcryptHash(hash)).toBe(true);
  for (const other of ['$apr1$a$b', '{SHA}abc', 'plain', hash.replace('04', '31'), `${hash}x`, ''])
    expect(isBcryptHash(other)).toBe(false);
});
