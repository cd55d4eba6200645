import { invalid } from '../../../foundation/base/errors.ts';
import type { OptionSpec } from '../command.ts';

/** Where certificates are when nothing is said. */
export const standardFolder = '/etc/silo/tls';

/** Beside the authority: the certificates of its that are revoked. */
export const revocationFile = 'crl.pem';

const maximumDays = 3650;

/** How long a certificate of an engine or a client is good. */
export const daysOption = {
  kind: 'int',
  default: 365,
  summary: 'Days for which the certificate is valid',
  check(text) {
    const days = Number(text);
    if (days < 1 || days > maximumDays) throw invalid(`want 1 to ${maximumDays} days`);
  },
} as const satisfies OptionSpec;

export const folderOf = (given: string | undefined): string => given ?? standardFolder;
