import { internal, invalid, type SiloError, unavailable } from '../../../foundation/base/errors.ts';

const keptCharacters = 500;

/** What apt's last words mean for who asked; undefined when they are none that are known. */
export function explainApt(lines: readonly string[]): SiloError | undefined {
  const text = lines.join('\n');
  const missing = [
    ...text.matchAll(/Unable to locate package (\S+)|Package '([^']+)' has no installation candidate/g),
  ].map(([, located, candidate]) => located ?? candidate ?? '');
  if (missing.length > 0) {
    const names = [...new Set(missing)].map((name) => `"${name}"`).join(', ');
    return invalid(`the suite has no package ${names}`, {
      code: 'no-package',
      hint: 'search for its name with "apt-cache search WORD" on a system of that suite',
    });
  }
  const key = /NO_PUBKEY [0-9A-F]+|EXPKEYSIG [0-9A-F]+|is not signed/.exec(text)?.[0];
  if (key !== undefined)
    return unavailable(`the archive cannot be trusted: ${key}`, {
      code: 'no-keyring',
      hint: 'update the package with the keys of the distribution, such as debian-archive-keyring',
    });
  const network =
    /Could not (?:connect|resolve)[^\n]*|Temporary failure resolving[^\n]*|Unable to connect[^\n]*|Connection (?:failed|timed out)[^\n]*|Network is unreachable[^\n]*/.exec(
      text,
    )?.[0];
  if (network !== undefined)
    return unavailable(`cannot reach the mirror: ${network.trim()}`, {
      code: 'no-network',
      hint: 'check the network and apt\'s proxy; "silo image bootstrap busybox" needs neither',
    });
  if (text.includes('unmet dependencies'))
    return invalid(
      `these packages do not go together: ${/The following packages have unmet dependencies:([^]*)/
        .exec(text)?.[1]
        ?.replace(/\s+/g, ' ')
        .trim()
        .slice(0, keptCharacters)}`,
      {
        code: 'unmet-dependencies',
        hint: 'packages that only install others are left out unless --packages names them',
      },
    );
  return undefined;
}

export function aptFailure(what: string, lines: readonly string[], cause?: unknown): SiloError {
  return (
    explainApt(lines) ??
    internal(`${what} failed: ${lines.join('\n').slice(-keptCharacters)}`, { code: 'program-failed', cause })
  );
}
