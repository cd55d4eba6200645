import { kernelAtLeast } from '../../../resources/spec/kernel-release.ts';
import type { Findings, Subject } from './finding.ts';

/** mount_setattr(2), with which read-only and idmapped mounts are made. */
const oldest: [number, number] = [5, 12];

/** What newer kernels add; Silo works without. */
const gains: { since: [number, number]; what: string }[] = [
  { since: [5, 19], what: 'image layers with shifted owners, for a user namespace per container' },
  { since: [6, 8], what: 'image layers of any number and path length by name' },
];

export function checkKernel({ kernelRelease }: Pick<Subject, 'kernelRelease'>): Findings {
  if (!kernelAtLeast(kernelRelease, oldest))
    return [
      {
        status: 'problem',
        title: `Linux ${kernelRelease} is too old: Silo needs ${oldest.join('.')} or newer`,
        why: 'Mounts are made with mount_setattr(2), which older kernels do not have.',
        fix: ['apt-get install linux-image-amd64 # of Debian 12, Ubuntu 22.04 or newer, then reboot'],
      },
    ];
  const missed = gains.filter(({ since }) => !kernelAtLeast(kernelRelease, since));
  if (missed.length === 0)
    return [{ status: 'ok', title: `Linux ${kernelRelease}`, why: 'It has everything that Silo can use.' }];
  return [
    {
      status: 'note',
      title: `Linux ${kernelRelease} is enough; a newer one would add to it`,
      why: missed.map(({ since, what }) => `Since ${since.join('.')}: ${what}.`).join(' '),
    },
  ];
}
