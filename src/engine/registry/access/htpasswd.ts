import { invalid } from '../../../foundation/base/errors.ts';
import { isBcryptHash } from '../../../foundation/base/bcrypt.ts';

/** Names of users with the bcrypt hashes of their passwords. */
export type Accounts = ReadonlyMap<string, string>;

const maximumAccounts = 10_000;
// No colon (it ends the name in a file and in a header), nothing that a log or a page would have to hide.
const userName = /^[^\s:\p{C}]{1,128}$/u;

export const isUserName = (text: string): boolean => userName.test(text);

/**
 * Reads a file made by `htpasswd -B`: a line `name:hash` for each user, `#` for comments. Any hash but bcrypt's is an error that names the line: weak
 * ones are not checked, and a user that silently cannot log in helps nobody.
 */
export function parseHtpasswd(text: string): Accounts {
  const accounts = new Map<string, string>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const hash = line.slice(colon + 1);
    if (!isUserName(name)) throw invalid(`line ${index + 1} has no usable user name before its colon`);
    if (!isBcryptHash(hash))
      throw invalid(`line ${index + 1}: the password of ${name} is not hashed with bcrypt`, {
        hint: 'make it with: htpasswd -B FILE NAME',
      });
    accounts.set(name, hash);
    if (accounts.size > maximumAccounts) throw invalid(`more than ${maximumAccounts} users`);
  }
  return accounts;
}
