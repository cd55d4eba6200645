/** Folders of the host that decide who rules it: with write access to one a container is the host's root. */
const ruling = [
  '/',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib64',
  '/proc',
  '/root',
  '/run',
  '/sbin',
  '/bin',
  '/sys',
  '/usr',
  '/var',
  '/var/lib',
  '/var/run',
];
/** And all that is below these. */
const whole = [
  '/boot',
  '/dev',
  '/etc',
  '/proc',
  '/root',
  '/sys',
  '/usr/bin',
  '/usr/sbin',
  '/usr/lib',
  '/var/spool/cron',
  '/var/lib/docker',
  '/var/lib/silo',
  '/var/lib/containerd',
];
/** What many containers are given to read, and what tells nothing. */
const harmless = ['/etc/localtime', '/etc/timezone', '/etc/ssl/certs', '/etc/ca-certificates', '/usr/share'];

export function isSensitive(path: string, engineFolders: readonly string[] = []): boolean {
  const below = (folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
  if (harmless.some(below)) return false;
  return ruling.includes(path) || [...whole, ...engineFolders].some(below);
}

/** Capabilities with which root of the host's user namespace leaves the container, and how. */
export const powerful: Readonly<Record<string, string>> = {
  CAP_SYS_ADMIN: 'mounts file systems and changes namespaces',
  CAP_SYS_MODULE: 'loads code into the kernel',
  CAP_SYS_PTRACE: 'reads and changes other processes of its pid namespace',
  CAP_SYS_RAWIO: "reads and writes the machine's ports and memory",
  CAP_DAC_READ_SEARCH: 'opens any file by its handle, outside of the container too',
  CAP_SYS_BOOT: 'restarts its pid namespace, or the machine',
  CAP_SYS_TIME: 'sets the clock of the machine',
  CAP_NET_ADMIN: 'changes addresses, routes and firewall of its network namespace',
  CAP_BPF: 'loads programs into the kernel',
  CAP_PERFMON: 'watches the whole machine',
  CAP_SYSLOG: "reads the kernel's messages and addresses",
  CAP_MAC_ADMIN: 'changes the rules of security modules',
  CAP_MAC_OVERRIDE: 'is above the rules of security modules',
  CAP_CHECKPOINT_RESTORE: 'reads maps of other processes',
  CAP_SYS_RESOURCE: 'passes over limits',
  CAP_LINUX_IMMUTABLE: 'unlocks files that nobody may change',
  CAP_AUDIT_CONTROL: "switches the machine's records off",
};

/** Enough for the host by themselves, where root is the host's. */
export const escaping: readonly string[] = [
  'CAP_SYS_ADMIN',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_DAC_READ_SEARCH',
  'CAP_BPF',
  'CAP_MAC_ADMIN',
];
