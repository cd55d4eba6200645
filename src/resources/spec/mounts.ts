import type { SpecMount } from '../../foundation/oci/runtime-spec.ts';
import { kernelAtLeast } from './kernel-release.ts';
import type { MountInput, SpecInput } from './spec.ts';

const safe = ['nosuid', 'noexec', 'nodev'];

/**
 * The user's mounts, then the default ones, then the user's that are to stand in those; parents before children. Every spec mounts `/dev`: runtimes that
 * make devices on the image's own `/dev` follow its links on the host (CVE-2026-47766). And the default ones cover what went there before them through a
 * link in a volume, however it is swapped meanwhile: runc opens `/dev/null` as it finds it (CVE-2025-31133), and with it the host's `core_pattern`.
 */
export function toMounts(input: SpecInput): SpecMount[] {
  const requested = input.mounts.map((mount) => toMount(mount, input));
  const taken = new Set(requested.map((mount) => mount.destination));
  const userOwnsDev = taken.has('/dev');
  const defaults = defaultMounts(input).filter(
    ({ destination }) => !taken.has(destination) && !(userOwnsDev && destination.startsWith('/dev/')),
  );
  const init = input.initPath === undefined ? [] : [initMount(input.initPath)];
  // Stable: equal depth keeps the order of the request.
  const sorted = [...requested, ...init].sort((a, b) => depth(a) - depth(b));
  const within = sorted.filter(({ destination }) => isSystemPath(destination));
  return [...sorted.filter((mount) => !within.includes(mount)), ...defaults, ...within];
}

const isSystemPath = (path: string): boolean => /^\/+(dev|proc|sys)(\/|$)/.test(path);

/** Where `--init` finds its program inside the container; Docker's path. */
export const initDestination = '/sbin/docker-init';

function initMount(source: string): SpecMount {
  return { destination: initDestination, type: 'bind', source, options: ['bind', 'ro'] };
}

function defaultMounts(input: SpecInput): SpecMount[] {
  const { privileged, procOptions = [], writableCgroups = false } = input.security;
  const system = privileged ? [] : ['ro'];
  const divides = writableCgroups && !privileged;
  const groups = privileged || (divides && input.host.cgroupVersion === 2) ? [] : ['ro'];
  const mounts: SpecMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: [...safe, ...procOptions] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...safe, ...system] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...safe, ...groups] },
    ...(divides && input.host.cgroupVersion === 1 ? ownNamedHierarchy(input) : []),
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: safe },
    ...shmMount(input),
  ];
  return mounts;
}

/**
 * Of version 1 the hierarchy without controllers, which is all that an init needs: in the others a container could lift its own limits. What
 * is bound is its own part.
 */
function ownNamedHierarchy({ cgroupsPath, host: { namedHierarchy } }: SpecInput): SpecMount[] {
  if (namedHierarchy === undefined) return [];
  return [
    {
      destination: '/sys/fs/cgroup/systemd',
      type: 'bind',
      source: `${namedHierarchy}${cgroupsPath}`,
      options: ['bind', 'rw', 'rprivate', ...safe],
    },
  ];
}

function shmMount({ shm }: SpecInput): SpecMount[] {
  if (shm === 'none') return [];
  if ('bindPath' in shm)
    return [
      { destination: '/dev/shm', type: 'bind', source: shm.bindPath, options: ['rbind', 'rprivate', 'rw'] },
    ];
  return [
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: [...safe, 'mode=1777', `size=${shm.sizeBytes}`],
    },
  ];
}

function toMount(mount: MountInput, input: SpecInput): SpecMount {
  if (mount.type === 'tmpfs')
    return {
      destination: mount.destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: tmpfsOptions(mount.options),
    };
  if (mount.type === 'given') return mount.mount;
  const mappings = mount.idmap ? input.userMappings : undefined;
  return {
    destination: mount.destination,
    type: 'bind',
    source: mount.source,
    options: [
      mount.recursive === false ? 'bind' : 'rbind',
      access(mount.readonly, input.host.kernelRelease),
      mount.propagation ?? 'rprivate',
    ],
    ...(mappings ? { uidMappings: mappings.uid, gidMappings: mappings.gid } : {}),
  };
}

/** The safe words, unless the opposite was asked for; of a word and its opposite the last counts. */
function tmpfsOptions(asked: readonly string[]): string[] {
  const all = ['nosuid', 'nodev', 'noexec', ...asked];
  const isOverruled = (word: string, index: number): boolean =>
    all.some((other, at) => at > index && (other === word || opposites.get(other) === word));
  return all.filter((word, index) => !isOverruled(word, index));
}

const opposites = new Map(
  ['suid', 'dev', 'exec'].flatMap((word): [string, string][] => [
    [word, `no${word}`],
    [`no${word}`, word],
  ]),
);

/** mount_setattr(2) makes the mounts below read-only too. */
function access(readonly: boolean | 'non-recursive', kernelRelease: string): string {
  if (readonly === true && kernelAtLeast(kernelRelease, [5, 12])) return 'rro';
  return readonly ? 'ro' : 'rw';
}

function depth(mount: SpecMount): number {
  return mount.destination.split('/').filter((part) => part !== '').length;
}
