import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import { openPidfd, takeDescriptor } from '../../../foundation/kernel/pidfd.ts';
import { setWindowSize } from '../../../foundation/kernel/window-size.ts';
import type { TerminalSize } from '../runtime.ts';
import type { MonitorPaths } from './layout.ts';
import { readMonitorFile } from './monitor.ts';
import { isAlive } from './process-identity.ts';

/**
 * Sets the size on the monitor's side of the terminal, through its own descriptor. Of several sizes that conmon 2.1 finds in its control pipe at one time it
 * takes the first for all of them, so the last of a storm would be lost there. False when there is no such monitor.
 */
export function resizeTerminal(paths: MonitorPaths, size: TerminalSize): boolean {
  const monitor = readMonitorFile(paths);
  if (!monitor) return false;
  using opened = new DisposableStack();
  const pidfd = openPidfd(monitor.pid);
  if (pidfd === undefined) return false;
  opened.defer(() => closeSync(pidfd));
  // Asked with the descriptor in hand: the number may be another process's by now.
  if (!isAlive(monitor)) return false;
  const folder = `/proc/${monitor.pid}/fd`;
  for (const name of readdirSync(folder)) {
    if (!/(^|\/)ptmx$/.test(linkOf(`${folder}/${name}`))) continue;
    const terminal = takeDescriptor(pidfd, Number(name));
    if (terminal === undefined) continue;
    opened.defer(() => closeSync(terminal));
    setWindowSize(terminal, size);
    return true;
  }
  return false;
}

/** Empty when it has been closed since. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
