import { invalid } from '../../foundation/base/errors.ts';

/** What a container's root may do unless the user says otherwise; the same 14 as Docker's. */
export const defaultCapabilities: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** capabilities(7), in the order of their numbers. */
export const knownCapabilities: readonly string[] = `
  CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST
  NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE
  SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
  BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

export interface CapabilityRequest {
  add: readonly string[];
  drop: readonly string[];
  privileged: boolean;
  /** Those that the engine itself holds and so can hand on; undefined = all known. */
  available?: readonly string[];
}

/**
 * Docker's rules: `ALL` may be added or dropped; a name that is both added and dropped is kept; privileged means all.
 * Names may lack `CAP_` and be in lower case. Kind `invalid` for an unknown name.
 */
export function resolveCapabilities(request: CapabilityRequest): string[] {
  const available = request.available ?? knownCapabilities;
  if (request.privileged) return [...available];
  const add = request.add.map((name) => parseCapability(name, available));
  const drop = request.drop.map((name) => parseCapability(name, available));
  if (add.includes('ALL')) return available.filter((name) => !drop.includes(name));
  const base = drop.includes('ALL') ? [] : defaultCapabilities.filter((name) => available.includes(name));
  return [...new Set([...base.filter((name) => !drop.includes(name)), ...add])];
}

function parseCapability(text: string, available: readonly string[]): string {
  const upper = text.toUpperCase();
  if (upper === 'ALL' || upper === 'CAP_ALL') return 'ALL';
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!knownCapabilities.includes(name)) throw invalid(`invalid capability: "${text}"`);
  if (!available.includes(name))
    throw invalid(
      `capability not supported by your kernel or not available in the current environment: "${name}"`,
    );
  return name;
}
