import type { SpecSeccomp } from '../../foundation/oci/runtime-spec.ts';
import { hardenedSeccomp } from './seccomp-hardened.ts';
import { parseSeccompProfile } from './seccomp-profile.ts';
import { defaultSeccomp, type SeccompChoice, type SeccompHost, type SeccompMemory } from './seccomp.ts';

/** The filter for a process with these capabilities; undefined for none. Kind `invalid` for a malformed profile. */
export function seccompFor(
  choice: SeccompChoice,
  capabilities: readonly string[],
  host: SeccompHost,
): SpecSeccomp | undefined {
  switch (choice) {
    case 'unconfined':
      return undefined;
    case 'default':
      return defaultSeccomp(capabilities, host);
    case 'hardened':
      return hardenedSeccomp(capabilities, host);
    default:
      return parseSeccompProfile(choice.profile, capabilities, host);
  }
}

const mostRemembered = 32;

/** The same, each profile made once: equal questions get the same object, which nobody may change. */
export function createSeccompMemory(host: SeccompHost): SeccompMemory {
  const known = new Map<string, SpecSeccomp>();
  return (choice, capabilities) => {
    // Profiles of users are large, and few repeat.
    if (typeof choice !== 'string' || choice === 'unconfined') return seccompFor(choice, capabilities, host);
    const key = `${choice} ${capabilities.join(' ')}`;
    const found = known.get(key) ?? seccompFor(choice, capabilities, host);
    if (found && !known.has(key)) {
      if (known.size >= mostRemembered) known.clear();
      known.set(key, found);
    }
    return found;
  };
}
