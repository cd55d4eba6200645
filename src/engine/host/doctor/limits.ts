import { readFileSync } from 'node:fs';
import { grantableLimits } from '../host-facts.ts';
import type { Findings } from './finding.ts';

/** Docker's default for containers, and the least with which a busy engine is comfortable. */
const comfortableFiles = 65_536;
const fewestFiles = 4096;
const fewestInotifyInstances = 128;

interface Limits {
  openFiles: number;
  inotifyInstances: number;
  processes: number;
}

export function checkLimits(): Findings {
  return judgeLimits({
    openFiles: grantableLimits().openFiles,
    inotifyInstances: readNumber('/proc/sys/fs/inotify/max_user_instances'),
    processes: readNumber('/proc/sys/kernel/pid_max'),
  });
}

const readNumber = (path: string): number => Number(readFileSync(path, 'utf8'));

/** Pure. */
export function judgeLimits({ openFiles, inotifyInstances, processes }: Limits): Findings {
  const findings: Findings = [];
  if (openFiles < comfortableFiles)
    findings.push({
      status: openFiles < fewestFiles ? 'warning' : 'note',
      title: `At most ${openFiles} files can be open in one process`,
      why: 'A container that asks for more (--ulimit nofile) gets this many and a warning; each attached client and each container takes a few of the engine.',
      fix: ['ulimit -Hn 1048576 # before the daemon starts; LimitNOFILE= in a systemd unit'],
    });
  if (inotifyInstances < fewestInotifyInstances)
    findings.push({
      status: 'warning',
      title: `At most ${inotifyInstances} inotify instances per user`,
      why: 'Programs in containers that watch files fail with "too many open files", because they all count for one user.',
      fix: ['sysctl -w fs.inotify.max_user_instances=1024'],
    });
  if (processes < 32_768)
    findings.push({
      status: 'warning',
      title: `At most ${processes} processes on this machine`,
      why: 'Containers, their monitors and the host share this number.',
      fix: ['sysctl -w kernel.pid_max=4194304'],
    });
  if (findings.length === 0)
    findings.push({
      status: 'ok',
      title: `${openFiles} open files, ${processes} processes`,
      why: 'Limits that containers share with the host are wide.',
    });
  return findings;
}
