import { invalid } from '../../foundation/base/errors.ts';
import type { SpecDevice, SpecResources } from '../../foundation/oci/runtime-spec.ts';
import type { DeviceInput, DeviceRule } from './spec.ts';

type Rules = NonNullable<SpecResources['devices']>;

const character = (allow: boolean, major: number, minor: number): Rules[number] => ({
  allow,
  type: 'c',
  major,
  minor,
  access: 'rwm',
});

/** Nothing but null, zero, full, random, urandom, tty and console; runtimes add ptmx and the pseudo-terminals. */
const defaultRules: Rules = [
  { allow: false, access: 'rwm' },
  character(true, 1, 5),
  character(true, 1, 3),
  character(true, 1, 9),
  character(true, 1, 8),
  character(true, 5, 0),
  character(true, 5, 1),
  character(false, 10, 229),
];

/** Rules for the device controller, in the order in which they apply. */
export function toDeviceRules(
  privileged: boolean,
  devices: readonly DeviceInput[],
  rules: readonly DeviceRule[],
): Rules {
  if (privileged) return [{ allow: true, access: 'rwm' }];
  const own = devices.map(({ type, major, minor, permissions }) => ({
    allow: true,
    type,
    major,
    minor,
    access: permissions,
  }));
  return [...defaultRules, ...own, ...rules];
}

export function toDeviceNodes(devices: readonly DeviceInput[]): SpecDevice[] {
  return devices.map(({ containerPath, type, major, minor, fileMode, uid, gid }) => ({
    path: containerPath,
    type,
    major,
    minor,
    fileMode,
    uid,
    gid,
  }));
}

const rulePattern = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/;

/** `c 42:* rmw`, the form of `--device-cgroup-rule`. */
export function parseDeviceRule(text: string): DeviceRule {
  const match = rulePattern.exec(text);
  if (!match) throw invalid(`invalid device cgroup rule format: '${text}'`);
  const number = (part: string | undefined): number | undefined => (part === '*' ? undefined : Number(part));
  const [major, minor] = [number(match[2]), number(match[3])];
  return {
    allow: true,
    type: match[1] as DeviceRule['type'],
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
    access: match[4] ?? '',
  };
}
