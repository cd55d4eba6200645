import { compareVersions, parseVersion, type Version } from './program-version.ts';

/** A range of releases: from the first to before the second; without the second, every one since. */
type Range = [since: string, fixedIn?: string];

export interface KnownHole {
  program: 'crun' | 'runc' | 'conmon';
  /** The CVE, or a word for a fault that has none. */
  id: string;
  affected: Range[];
  what: string;
  /** How Silo keeps it harmless; absent where it does not. */
  guard?: string;
}

const initLayer =
  'a read-only layer of our own with a real /dev stands above every image, and every container mounts /dev';
const ownPlaces =
  'nobody but the runtime fills /dev, /dev/pts and /proc: volumes are not mounted there, and the mounts of these come last';
const ownDev = 'every container gets a /dev of its own, mounted before anything is made in it';

/**
 * Releases of the programs that Silo starts with known holes. Distributions mend old releases: the changelog of the installed package is
 * looked at before any of these is reported.
 */
export const knownHoles: readonly KnownHole[] = [
  {
    program: 'crun',
    id: 'CVE-2026-47766',
    affected: [['0', '1.28']],
    what: 'an image whose /dev is a symbolic link makes devices appear on the host',
    guard: initLayer,
  },
  {
    program: 'crun',
    id: 'CVE-2026-88264',
    affected: [['0']],
    what: 'a /dev/console that is a symbolic link is followed when /dev is not mounted',
    guard: ownDev,
  },
  {
    program: 'crun',
    id: 'CVE-2026-88265',
    affected: [['0']],
    what: 'a /dev/null that is a symbolic link is followed when /dev is not mounted',
    guard: ownDev,
  },
  {
    program: 'crun',
    id: 'CVE-2026-30892',
    affected: [['1.19', '1.27']],
    what: '`exec --user 1` runs as root',
    guard:
      'users are resolved by Silo and given to crun as numbers in a process description, never as that option',
  },
  {
    program: 'crun',
    id: 'CVE-2025-24965',
    affected: [['0', '1.20']],
    what: "the krun handler writes a file through an image's symbolic link",
    guard: 'Silo never selects that handler, and refuses the annotation that would',
  },
  {
    program: 'crun',
    id: 'CVE-2022-27650',
    affected: [['0', '1.4.4']],
    what: 'processes start with inheritable capabilities',
    guard: 'the inheritable set of every process is empty',
  },
  {
    program: 'runc',
    id: 'CVE-2026-41579',
    affected: [
      ['0', '1.3.6'],
      ['1.4.0-rc.1', '1.4.3'],
    ],
    what: 'an image whose /dev is a symbolic link makes links appear on the host',
    guard: initLayer,
  },
  {
    program: 'runc',
    id: 'CVE-2025-31133',
    affected: [
      ['0', '1.2.8'],
      ['1.3.0-rc.1', '1.3.3'],
      ['1.4.0-rc.1', '1.4.0-rc.3'],
    ],
    what: 'a race over /dev/null while paths are masked opens files of the host',
    guard: ownPlaces,
  },
  {
    program: 'runc',
    id: 'CVE-2025-52565',
    affected: [
      ['1.0.0-rc.3', '1.2.8'],
      ['1.3.0-rc.1', '1.3.3'],
      ['1.4.0-rc.1', '1.4.0-rc.3'],
    ],
    what: 'a race over /dev/console opens files of the host',
    guard: ownPlaces,
  },
  {
    program: 'runc',
    id: 'CVE-2025-52881',
    affected: [
      ['0', '1.2.8'],
      ['1.3.0-rc.1', '1.3.3'],
      ['1.4.0-rc.1', '1.4.0-rc.3'],
    ],
    what: 'writes to /proc are led elsewhere by containers that share a mount',
    guard: ownPlaces,
  },
  {
    program: 'runc',
    id: 'CVE-2024-21626',
    affected: [['1.0.0-rc.93', '1.1.12']],
    what: 'a working directory in /proc/self/fd reaches the file system of the host',
  },
  {
    program: 'runc',
    id: 'CVE-2019-5736',
    affected: [['0', '1.0.0-rc.7']],
    what: 'a container overwrites the runtime on the host',
  },
  {
    program: 'conmon',
    id: 'freed socket of attached clients',
    affected: [['2.1.9', '2.1.10']],
    what: 'containers fail to start with "no logs from conmon", or end their monitor when a client leaves',
  },
  {
    program: 'conmon',
    id: 'exec without output',
    affected: [['2.0.23', '2.0.27']],
    what: 'exec ends with "EOF" in place of its output',
  },
];

/** The holes of this release. */
export function holesOf(program: string, version: Version): KnownHole[] {
  return knownHoles.filter(
    (hole) => hole.program === program && hole.affected.some((range) => isWithin(version, range)),
  );
}

function isWithin(version: Version, [since, fixedIn]: Range): boolean {
  return isSince(version, since) && (fixedIn === undefined || !isSince(version, fixedIn));
}

function isSince(version: Version, bound: string): boolean {
  const parsed = parseVersion(bound);
  return parsed === undefined || compareVersions(version, parsed) >= 0;
}
