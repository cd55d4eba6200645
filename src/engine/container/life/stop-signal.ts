import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import type { ContainerRecord } from '../container.ts';
import { presetOf } from '../spec/security-preset.ts';

/** What inits take for "switch off"; SIGTERM means other things to them, or nothing. */
const initSignals: Readonly<Record<string, string>> = {
  // systemd(1), SIGNALS: halt.target.
  systemd: 'SIGRTMIN+3',
  // busybox init: poweroff.
  busybox: 'SIGUSR2',
  // init(8) of sysvinit: as Ctrl-Alt-Del.
  init: 'SIGINT',
  'openrc-init': 'SIGINT',
  // runit-init(8).
  'runit-init': 'SIGCONT',
};

/** The signal that asks a container to end: the one it names, or with the preset `system` the one that its init understands. */
export function stopSignalOf({ config, state }: Pick<ContainerRecord, 'config' | 'state'>): string {
  if (config.stopSignal !== undefined) return config.stopSignal;
  const pid = 'pid' in state ? state.pid : undefined;
  if (pid === undefined || presetOf(config.security) !== 'system') return 'SIGTERM';
  return initSignals[programOf(pid)] ?? 'SIGTERM';
}

/** The name of its program as the kernel tells it, which is only ever compared. */
function programOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return '';
  }
}
