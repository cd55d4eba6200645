const shape = /^\$2[aby]\$(0[4-9]|1[0-7])\$[./A-Za-z0-9]{53}$/;
/** What bcrypt looks at; the rest of a longer password would count for nothing. */
const maximumPasswordBytes = 72;

/** A hash as `htpasswd -B` writes it, with a cost of at most 17 (seconds of a processor). */
export function isBcryptHash(text: string): boolean {
  return shape.test(text);
}

/** Whether the password is the hash's, computed on a thread of the pool: about 50 ms of a processor at a cost of 10. Too long a password never is. */
export async function verifyBcrypt(password: string, hash: string): Promise<boolean> {
  if (password === '' || Buffer.byteLength(password) > maximumPasswordBytes || password.includes('\0'))
    return false;
  try {
    return await Bun.password.verify(password, hash, 'bcrypt');
  } catch {
    // Of the right shape, but no hash: its last digit stands for bits that are not there.
    return false;
  }
}
