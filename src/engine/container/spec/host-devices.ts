import { readdirSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import type { DeviceInput } from '../../../resources/spec/spec.ts';
import type { ContainerConfig } from '../config.ts';

/** The devices of a request, looked up on the host; a folder gives all devices below it. Docker's text when one is missing. */
export function resolveDevices(config: Pick<ContainerConfig, 'devices' | 'security'>): DeviceInput[] {
  const all = config.security.privileged
    ? devicesBelow('/dev', '/dev', 'rwm').filter((device) => !isSessionDevice(device.hostPath))
    : [];
  return [...all, ...config.devices.flatMap(resolveDevice)];
}

function resolveDevice({
  hostPath,
  containerPath,
  permissions,
}: ContainerConfig['devices'][number]): DeviceInput[] {
  const target = posix.normalize(containerPath || hostPath);
  const stats = statSync(hostPath, { throwIfNoEntry: false });
  if (!stats)
    throw invalid(
      `error gathering device information while adding custom device "${hostPath}": no such file or directory`,
      {
        code: 'no-such-device',
      },
    );
  if (stats.isDirectory()) return devicesBelow(hostPath, target, permissions || 'rwm');
  const device = toDevice(hostPath, target, permissions || 'rwm');
  if (!device)
    throw invalid(
      `error gathering device information while adding custom device "${hostPath}": not a device node`,
      {
        code: 'not-a-device',
      },
    );
  return [device];
}

function devicesBelow(directory: string, target: string, permissions: string): DeviceInput[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    const inside = join(target, entry.name);
    if (entry.isDirectory()) return isSessionDevice(path) ? [] : devicesBelow(path, inside, permissions);
    return toDevice(path, inside, permissions) ?? [];
  });
}

/** Terminals, shared memory and queues belong to the host's sessions: containers get their own. */
function isSessionDevice(path: string): boolean {
  return /^\/dev\/(pts|shm|mqueue|fd|console|ptmx|tty|stdin|stdout|stderr)$/.test(path);
}

/** The node as it is on the host; undefined when there is none. */
export function toDevice(
  hostPath: string,
  containerPath: string,
  permissions: string,
): DeviceInput | undefined {
  const stats = statSync(hostPath, { throwIfNoEntry: false });
  if (!stats || !(stats.isCharacterDevice() || stats.isBlockDevice())) return undefined;
  return {
    hostPath,
    containerPath,
    type: stats.isBlockDevice() ? 'b' : 'c',
    ...deviceNumbers(stats.rdev),
    fileMode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    permissions,
  };
}

/** makedev(3) of the GNU C library, undone. */
export function deviceNumbers(rdev: number): { major: number; minor: number } {
  const number = BigInt(rdev);
  return {
    major: Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn & 0xffffffffn)),
    minor: Number((number & 0xffn) | ((number >> 12n) & ~0xffn & 0xffffffffn)),
  };
}
