import type {
  DeviceMappingJson,
  ThrottleDeviceJson,
} from '../../../foundation/wire/docker/container-config.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { parseBytes } from './size.ts';

const isMode = (text: string): boolean => /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;

/** Reads `--device host[:container[:rwm]]`. */
export function parseDevice(text: string): DeviceMappingJson {
  const parts = text.split(':');
  const [host = '', second, third] = parts;
  if (host === '' || parts.length > 3) throw invalid(`invalid device specification: ${text}`);
  if (third !== undefined && !isMode(third)) throw invalid(`invalid device mode: ${third}`);
  const secondIsMode = parts.length === 2 && second !== undefined && isMode(second);
  return {
    PathOnHost: host,
    PathInContainer: secondIsMode || second === undefined || second === '' ? host : second,
    CgroupPermissions: third ?? (secondIsMode ? second : 'rwm'),
  };
}

/** Reads `/dev/sda:10mb` (bytes per second) or `/dev/sda:1000` (operations per second). */
export function parseThrottle(text: string, unit: 'bytes' | 'operations'): ThrottleDeviceJson {
  const { path, value } = splitDevice(text);
  const format =
    unit === 'bytes'
      ? '<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb'
      : '<device-path>:<number>. Number must be a positive integer';
  try {
    const rate = unit === 'bytes' ? parseBytes(value) : /^\d+$/.test(value) ? Number(value) : -1;
    if (rate >= 0) return { Path: path, Rate: rate };
  } catch {
    // The message below says more than the parser's.
  }
  throw new Error(`invalid rate for device: ${text}. The correct format is ${format}`);
}

/** Reads `/dev/sda:300`. */
export function parseWeightDevice(text: string): { Path: string; Weight: number } {
  const { path, value } = splitDevice(text);
  const weight = Number(value);
  if (!/^\d+$/.test(value) || (weight > 0 && (weight < 10 || weight > 1000)))
    throw new Error(`invalid weight for device: ${text}`);
  return { Path: path, Weight: weight };
}

function splitDevice(text: string): { path: string; value: string } {
  const colon = text.indexOf(':');
  if (colon <= 0) throw new Error(`bad format: ${text}`);
  const path = text.slice(0, colon);
  if (!path.startsWith('/dev/')) throw new Error(`bad format for device path: ${text}`);
  return { path, value: text.slice(colon + 1) };
}

/** For `--device-cgroup-rule`: `c 1:3 rwm`. */
export function checkCgroupRule(text: string): void {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text))
    throw new Error(`invalid device cgroup format '${text}'`);
}
