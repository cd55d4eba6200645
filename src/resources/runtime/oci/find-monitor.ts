import { readdir, readFile } from 'node:fs/promises';
import type { MonitorPaths } from './layout.ts';
import { readMonitorFile } from './monitor.ts';
import { identifyProcess, isAlive, type ProcessIdentity } from './process-identity.ts';

/** The living conmon that works in this folder: the recorded one, or, when the engine died before recording it, one found in /proc. */
export async function findMonitor(paths: MonitorPaths): Promise<ProcessIdentity | undefined> {
  const recorded = readMonitorFile(paths);
  if (recorded) return isAlive(recorded) ? recorded : undefined;
  return scanForMonitor(paths.folder);
}

async function scanForMonitor(folder: string): Promise<ProcessIdentity | undefined> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const commandLine = await readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '');
    const args = commandLine.split('\0');
    if (args[0]?.endsWith('conmon') && args.includes(`--bundle=${folder}`))
      return identifyProcess(Number(name));
  }
  return undefined;
}
