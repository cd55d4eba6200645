import { statSync } from 'node:fs';
import type { Findings } from './finding.ts';

/** Written when the system was installed or updated, so never in the future of a right clock. */
const dated = ['/etc/os-release', '/var/lib/dpkg/status', '/etc/machine-id'];
const toleranceMs = 24 * 3600 * 1000;

export function checkClock(): Findings {
  const times = dated.flatMap((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? []);
  return judgeClock(Date.now(), Math.max(0, ...times));
}

/** Pure: `knownMs` is a moment that has certainly passed. */
export function judgeClock(nowMs: number, knownMs: number): Findings {
  const now = new Date(nowMs).toISOString().slice(0, 16).replace('T', ' ');
  if (nowMs + toleranceMs < knownMs)
    return [
      {
        status: 'warning',
        title: `The clock says ${now}, which has long passed`,
        why: 'Certificates of registries seem not to be valid yet, and logs and events carry wrong times.',
        fix: ['timedatectl set-ntp true', "date -s 'YYYY-MM-DD HH:MM:SS'"],
      },
    ];
  return [
    {
      status: 'ok',
      title: `The clock says ${now} UTC`,
      why: 'It is later than the last change of this system.',
    },
  ];
}
