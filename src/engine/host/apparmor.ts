import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Log } from '../../foundation/base/log.ts';
import type { AppArmorProfiles } from '../container/spec/security.ts';
import { findProgram } from './host-facts.ts';

const run = promisify(execFile);
const parserDeadlineMs = 20_000;

/** The names under which the kernel knows our profiles. */
export const appArmorProfiles: AppArmorProfiles = { default: 'silo-default', hardened: 'silo-hardened' };

/**
 * Makes sure that the kernel has our profiles and gives their names. Without them containers run as they would on a kernel without AppArmor, and the log says
 * why: capabilities, seccomp and namespaces hold all the same.
 */
export async function loadAppArmorProfiles(log: Log): Promise<AppArmorProfiles | undefined> {
  if (await areLoaded()) return appArmorProfiles;
  const parser = findProgram('apparmor_parser');
  try {
    if (parser === undefined) throw new Error('apparmor_parser is not installed (package apparmor)');
    const loading = run(parser, ['--replace', '--skip-cache'], { timeout: parserDeadlineMs });
    loading.child.stdin?.end(appArmorText());
    await loading;
    return appArmorProfiles;
  } catch (error) {
    log.warn('containers run without an AppArmor profile', { reason: String(error) });
    return undefined;
  }
}

async function areLoaded(): Promise<boolean> {
  const lines = await readFile('/sys/kernel/security/apparmor/profiles', 'utf8').catch(() => '');
  const loaded = new Set(lines.split('\n').map((line) => line.replace(/ \(.*$/, '')));
  return Object.values(appArmorProfiles).every((name: string) => loaded.has(name));
}

/** apparmor.d(5). */
export function appArmorText(): string {
  return `#include <tunables/global>

${profile(appArmorProfiles.default, broad)}
${profile(appArmorProfiles.hardened, narrow)}`;
}

/** Everything that a program needs, without what changes the kernel or mounts: a second wall behind capabilities and read-only paths, for containers that hold more capabilities than they should. */
const broad = `
  network,
  umount,

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
`;

/** What servers do not need either, as in the preset's other walls: the kernel's settings are read only, and what it tells of itself is out of sight. */
const narrow = `
  network unix,
  network inet,
  network inet6,
  network netlink,
  network packet,

  deny umount,
  deny pivot_root,

  deny @{PROC}/{sysrq-trigger,kcore,mem,kmem,kallsyms,kmsg,iomem,ioports,modules,slabinfo,vmallocinfo,config.gz} rwklx,
  deny @{PROC}/sys/** wklx,
  deny /sys/** wklx,
  deny /sys/kernel/{security,debug,tracing,btf,slab}/** rwklx,
  deny /sys/fs/{bpf,fuse,pstore}/** rwklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
`;

const profile = (
  name: string,
  rules: string,
): string => `profile ${name} flags=(attach_disconnected,mediate_deleted) {
  capability,
  file,

  # From the host, from the runtimes, and among the container's own.
  signal (receive) peer=unconfined,
  signal (receive) peer=crun,
  signal (receive) peer=runc,
  signal (send, receive) peer=${name},
  ptrace (trace, read, tracedby, readby) peer=${name},
  unix peer=(label=${name}),

  deny mount,
${rules}}
`;
