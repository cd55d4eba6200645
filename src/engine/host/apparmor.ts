import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Log } from '../../foundation/base/log.ts';
import { findProgram } from './host-facts.ts';

const run = promisify(execFile);
const parserDeadlineMs = 20_000;

/** The name under which the kernel knows our profile. */
export const appArmorProfileName = 'silo-default';

/**
 * Makes sure that the kernel has our profile and gives its name. Without it containers run as they would on a kernel without AppArmor, and the log says
 * why: capabilities, seccomp and namespaces hold all the same.
 */
export async function loadAppArmorProfile(log: Log): Promise<string | undefined> {
  if (await isLoaded()) return appArmorProfileName;
  const parser = findProgram('apparmor_parser');
  try {
    if (parser === undefined) throw new Error('apparmor_parser is not installed (package apparmor)');
    const loading = run(parser, ['--replace', '--skip-cache'], { timeout: parserDeadlineMs });
    loading.child.stdin?.end(appArmorProfile());
    await loading;
    return appArmorProfileName;
  } catch (error) {
    log.warn('containers run without an AppArmor profile', { reason: String(error) });
    return undefined;
  }
}

async function isLoaded(): Promise<boolean> {
  const profiles = await readFile('/sys/kernel/security/apparmor/profiles', 'utf8').catch(() => '');
  return profiles.split('\n').some((line) => line.startsWith(`${appArmorProfileName} (`));
}

/**
 * apparmor.d(5). Everything that a program needs, without what changes the kernel or mounts: a second wall behind capabilities and read-only paths, for
 * containers that hold more capabilities than they should.
 */
export function appArmorProfile(): string {
  return `#include <tunables/global>

profile ${appArmorProfileName} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,

  # From the host, from the runtimes, and among the container's own.
  signal (receive) peer=unconfined,
  signal (receive) peer=crun,
  signal (receive) peer=runc,
  signal (send, receive) peer=${appArmorProfileName},
  ptrace (trace, read, tracedby, readby) peer=${appArmorProfileName},
  unix peer=(label=${appArmorProfileName}),

  deny mount,

  deny @{PROC}/{sysrq-trigger,kcore,mem,kmem} rwklx,
  deny @{PROC}/sys/kernel/{core_pattern,modprobe,hotplug,poweroff_cmd} wklx,
  deny @{PROC}/sys/fs/binfmt_misc/** wklx,
  deny @{PROC}/sys/vm/panic_on_oom wklx,

  deny /sys/fs/cgroup/**/release_agent wklx,
  deny /sys/kernel/uevent_helper wklx,
  deny /sys/kernel/security/** rwklx,
  deny /sys/kernel/debug/** rwklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
}
`;
}
