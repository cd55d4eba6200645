import { posix } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import type { Root } from '../../../foundation/kernel/rooted.ts';
import { type FileStatus, isDirectory } from '../../../foundation/kernel/stat.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import type { ContainerRecord, ResolvedMount } from '../container.ts';
import { realPath } from './mount-points.ts';

/** What runc lets be mounted inside of `/proc`; lxcfs does it. */
const replaceable = new Set(
  'cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo net/dev sys/kernel/ns_last_pid sys/crypto/fips_enabled'
    .split(' ')
    .map((name) => `/proc/${name}`),
);

/**
 * Refuses volumes, folders and images at `/dev`, `/dev/pts` and in `/proc`, wherever links of the image lead. Runtimes take `/dev/null` to hide paths
 * with and `/dev/pts/0` as the console: whoever fills that folder chooses what stands there instead, such as `core_pattern` (CVE-2025-31133,
 * CVE-2025-52565; seen with the runc of Debian 12), and an image may name `/dev` as its volume. The host's own folder at the same place is what it
 * says, and a privileged container has nothing to hide.
 */
export function refuseSystemPlaces(root: Root, { mounts, config }: ContainerRecord): void {
  for (const path of systemFolders) insistOnFolder(root, path);
  if (config.security.privileged) return;
  for (const mount of mounts) {
    const place =
      realPath(root, mount.destination.split('/').filter(Boolean)) ?? posix.normalize(mount.destination);
    if (isSystemPlace(place) && !isHostsOwn(mount, place)) throw refusal(mount.destination, place);
    // What is in a volume may lead elsewhere, and here nothing is mounted later that would cover it.
    const outer =
      isBelowSystem(place) &&
      mounts.find(
        (other) => isBelow(mount.destination, other.destination) && !isHostsOwn(other, other.destination),
      );
    if (outer)
      throw invalid(`"${mount.destination}" cannot be mounted inside of "${outer.destination}" there`, {
        code: 'system-place',
        hint: 'mount one of them outside of /dev, /proc and /sys',
      });
  }
}

const systemFolders = ['/dev', '/proc', '/sys'];

/** The init layer has them, but an upload to a stopped container can put a link there; runtimes then make devices at its end on the host (CVE-2026-47766). */
function insistOnFolder(root: Root, path: string): void {
  const found = findStatus(root, path);
  if (found === undefined || isDirectory(found)) return;
  throw invalid(`${path} of the container is not a directory`, {
    code: 'system-place',
    hint: `something was copied over it: make the container anew`,
  });
}

function findStatus(root: Root, path: string): FileStatus | undefined {
  try {
    return root.stat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

const isBelow = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);
const isBelowSystem = (path: string): boolean => /^\/(dev|proc|sys)\//.test(path);

const isSystemPlace = (place: string): boolean =>
  place === '/dev' ||
  place === '/dev/pts' ||
  place === '/proc' ||
  (place.startsWith('/proc/') && !replaceable.has(place));

const isHostsOwn = ({ kind, source }: ResolvedMount, place: string): boolean =>
  kind === 'bind' && source === place;

function refusal(destination: string, place: string): Error {
  const shown = destination === place ? `"${place}"` : `"${destination}", which is "${place}" there,`;
  return invalid(
    place.startsWith('/proc')
      ? `${shown} cannot be mounted because it is inside /proc`
      : `${shown} cannot be mounted: what is in it would stand for the devices of the container`,
    {
      code: 'system-place',
      hint: 'mount single devices with --device, or the folder somewhere else; --privileged allows it',
    },
  );
}
