import { existsSync, readFileSync, statSync } from 'node:fs';
import { invalid, toSiloError } from '../../foundation/base/errors.ts';
import type { Log } from '../../foundation/base/log.ts';
import { readSeccompProfile } from '../../resources/spec/seccomp-profile.ts';
import type { SeccompChoice } from '../../resources/spec/spec.ts';
import type { SecurityDefaults } from '../container/spec/security.ts';
import { loadAppArmorProfiles } from './apparmor.ts';
import type { EngineSettings } from './settings.ts';

/** Settled at start: a malformed profile keeps the engine from starting, not every container afterwards. */
export async function securityDefaults(
  settings: Pick<EngineSettings, 'seccompProfile' | 'security'>,
  log: Log,
): Promise<SecurityDefaults> {
  const appArmor = hasAppArmor();
  const profiles = appArmor ? await loadAppArmorProfiles(log) : undefined;
  return {
    preset: settings.security,
    seccomp: seccompDefault(settings.seccompProfile),
    ...(profiles === undefined ? {} : { apparmorProfiles: profiles }),
    appArmor,
    seLinux: existsSync('/sys/fs/selinux/enforce'),
  };
}

const words: readonly string[] = ['builtin', 'hardened', 'unconfined'];
const mostBytes = 1024 * 1024;

/** `builtin`, `hardened`, `unconfined`, or the path of a profile. */
function seccompDefault(setting: string): SeccompChoice {
  if (setting === 'builtin' || setting === '') return 'default';
  if (setting === 'hardened' || setting === 'unconfined') return setting;
  try {
    if (statSync(setting).size > mostBytes) throw new Error(`it has more than ${mostBytes} bytes`);
    const profile = readFileSync(setting, 'utf8');
    readSeccompProfile(profile);
    return { profile };
  } catch (cause) {
    throw invalid(`the default seccomp profile ${setting} cannot be used: ${toSiloError(cause).message}`, {
      code: 'bad-seccomp-profile',
      hint: `give the path of a profile in Docker's JSON format, or one of ${words.join(', ')}`,
      cause,
    });
  }
}

/** Y where the kernel has it and it is on (apparmor(7)). */
function hasAppArmor(): boolean {
  try {
    return readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').startsWith('Y');
  } catch {
    return false;
  }
}
