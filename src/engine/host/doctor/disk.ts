import { fileSystemStatus, type FileSystemStatus } from '../../../foundation/kernel/filesystem.ts';
import type { Findings, Subject } from './finding.ts';
import { nearestExisting } from './scratch.ts';

const gibibyte = 1024 ** 3;
const scarceBytes = 5 * gibibyte;
const tooFewBytes = gibibyte / 2;
const scarceInodes = 50_000;
const remote = new Set(['nfs', 'cifs', 'fuse']);

export async function checkDisk({
  dataRoot,
  execRoot,
}: Pick<Subject, 'dataRoot' | 'execRoot'>): Promise<Findings> {
  const [data, exec] = await Promise.all([
    fileSystemStatus(nearestExisting(dataRoot)),
    fileSystemStatus(nearestExisting(execRoot)),
  ]);
  return [...judgeDataRoot(dataRoot, data), ...judgeExecRoot(execRoot, exec)];
}

/** Pure. */
export function judgeDataRoot(path: string, status: FileSystemStatus): Findings {
  const findings: Findings = [];
  const free = (status.freeBytes / gibibyte).toFixed(1);
  if (remote.has(status.type))
    findings.push({
      status: 'problem',
      title: `${path} is on ${status.type}`,
      why: 'Its database wants locks and its layers want overlayfs; neither is to be had over a network.',
      fix: ['silo daemon --data-root DIR # a folder on a disk of this machine'],
    });
  if (status.type === 'tmpfs' || status.type === 'ramfs')
    findings.push({
      status: 'warning',
      title: `${path} is in memory (${status.type})`,
      why: 'Images, volumes and containers are gone with the next boot, and take memory until then.',
      fix: ['silo daemon --data-root DIR # a folder on a disk'],
    });
  if (status.freeBytes < scarceBytes)
    findings.push({
      status: status.freeBytes < tooFewBytes ? 'problem' : 'warning',
      title: `Only ${free} GiB are free for ${path}`,
      why: 'Images are kept packed and unpacked; a pull that fills the disk fails, and containers that write fail with it.',
      fix: ['silo system df', 'silo image prune'],
    });
  if (status.totalInodes > 0 && status.freeInodes < scarceInodes)
    findings.push({
      status: 'warning',
      title: `Only ${status.freeInodes} inodes are free for ${path}`,
      why: 'Each file of an unpacked image takes one; an ordinary image has 10,000 to 100,000.',
      fix: ['silo image prune', `df -i ${path}`],
    });
  if (findings.length === 0)
    findings.push({
      status: 'ok',
      title: `${free} GiB are free for ${path} (${status.type})`,
      why: 'Images, volumes and containers are kept there.',
    });
  return findings;
}

/** Pure. */
export function judgeExecRoot(path: string, status: FileSystemStatus): Findings {
  if (status.type === 'tmpfs' || status.type === 'ramfs') return [];
  return [
    {
      status: 'note',
      title: `${path} is on ${status.type}, not in memory`,
      why: 'It holds what is gone after a boot (sockets, mounts, process numbers). Silo copes with what is left from before, but tidies it up more slowly.',
      fix: [`mkdir -p ${path} && mount -t tmpfs -o mode=0710 tmpfs ${path} # while no daemon runs`],
    },
  ];
}
