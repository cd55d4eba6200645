import { createHmac, randomBytes } from 'node:crypto';
import { verifyBcrypt } from '../../../foundation/base/bcrypt.ts';
import { unavailable } from '../../../foundation/base/errors.ts';
import { createLimiter } from '../../../foundation/base/limiter.ts';
import { createSingleFlight } from '../../../foundation/base/single-flight.ts';
import type { Accounts } from './htpasswd.ts';

/** Whether a name and a password belong together. Kind `unavailable` when too many ask at once. */
export interface Passwords {
  check(name: string, password: string): Promise<boolean>;
}

export interface PasswordsOptions {
  accounts: () => Promise<Accounts>;
  /** How long a success is remembered: clients send their password with each request. A changed hash forgets it at once. */
  rememberMs?: number;
  /** Hashes computed at a time, and how many may wait for their turn. */
  atOnce?: number;
  waiting?: number;
  now?: () => number;
}

const rememberedAtMost = 10_000;

/**
 * A hash costs a processor tens of milliseconds on purpose, so a flood of guesses could take the machine: few are computed at a time, equal ones once,
 * few may wait, and who proved a password lately waits for nobody. An unknown name costs as much as a known one.
 */
export function createPasswords(options: PasswordsOptions): Passwords {
  const { rememberMs = 60_000, atOnce = 2, waiting = 64, now = Date.now } = options;
  const limiter = createLimiter(atOnce);
  const flights = createSingleFlight<boolean>();
  // Keyed so that neither the memory of this process nor its dump holds passwords or plain hashes of them.
  const key = randomBytes(32);
  const provenUntil = new Map<string, number>();
  let pending = 0;
  const remember = (proof: string): void => {
    provenUntil.delete(proof);
    provenUntil.set(proof, now() + rememberMs);
    const oldest = provenUntil.keys().next().value;
    if (provenUntil.size > rememberedAtMost && oldest !== undefined) provenUntil.delete(oldest);
  };
  const compute = async (password: string, hash: string): Promise<boolean> => {
    if (pending >= atOnce + waiting)
      throw unavailable('too many logins at once', { code: 'too-many-requests', hint: 'try again later' });
    pending++;
    try {
      return await limiter.run(() => verifyBcrypt(password, hash));
    } finally {
      pending--;
    }
  };
  return {
    async check(name, password) {
      const accounts = await options.accounts();
      const known = accounts.get(name);
      const hash = known ?? accounts.values().next().value;
      if (hash === undefined) return false;
      const proof = createHmac('sha256', key).update(`${name}\0${hash}\0${password}`).digest('base64');
      if ((provenUntil.get(proof) ?? 0) > now()) return known !== undefined;
      const matches = await flights.run(proof, () => compute(password, hash));
      if (!matches || known === undefined) return false;
      remember(proof);
      return true;
    },
  };
}
