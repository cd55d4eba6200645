import { invalid } from '../../../foundation/base/errors.ts';
import { fileReason } from './read-file.ts';
import { readFile } from 'node:fs/promises';

/** Profiles that the engine has; anything else is a file. */
const builtIn = ['builtin', 'hardened', 'unconfined'];

export interface SecurityOptions {
  options: string[];
  /** `systempaths=unconfined`: nothing of /proc and /sys is masked. */
  unconfinedPaths: boolean;
}

/** Reads `--security-opt` values; a seccomp profile is read here and sent as JSON, for the daemon may be on another machine. */
export async function parseSecurityOptions(values: readonly string[]): Promise<SecurityOptions> {
  const parsed: SecurityOptions = { options: [], unconfinedPaths: false };
  for (const value of values) {
    if (value === 'systempaths=unconfined') {
      parsed.unconfinedPaths = true;
      continue;
    }
    const match = /^([^=:]+)[=:](.*)$/s.exec(value);
    if (!match && value !== 'no-new-privileges')
      throw invalid(`Invalid --security-opt: ${JSON.stringify(value)}`, {
        hint: 'known are no-new-privileges, seccomp=FILE|unconfined, apparmor=PROFILE, label=…, systempaths=unconfined, proc-opts=hidepid=…, writable-cgroups=true|false, silo=PRESET',
      });
    const profile = match?.[1] === 'seccomp' ? (match[2] ?? '') : undefined;
    const isFile = profile !== undefined && !builtIn.includes(profile);
    parsed.options.push(isFile ? `seccomp=${await readProfile(profile)}` : value);
  }
  return parsed;
}

async function readProfile(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw invalid(`opening seccomp profile (${path}) failed: open ${path}: ${fileReason(error)}`, {
      cause: error,
    });
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw invalid(`compacting json for seccomp profile (${path}) failed: ${why}`, { cause: error });
  }
}
