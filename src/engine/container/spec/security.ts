import { invalid } from '../../../foundation/base/errors.ts';
import type { SeccompChoice, SecurityInput } from '../../../resources/spec/spec.ts';
import type { SecurityRequest } from '../config.ts';
import { parsePreset, presetOf, type SecurityPreset } from './security-preset.ts';

/** What holds where a container asks for nothing, and what the host's kernel enforces. */
export interface SecurityDefaults {
  /** Of those who name none. */
  preset: SecurityPreset;
  seccomp: SeccompChoice;
  /** Loaded into the kernel; absent where it has no AppArmor. */
  apparmorProfiles?: AppArmorProfiles;
  appArmor: boolean;
  seLinux: boolean;
}

/** Names under which the kernel knows them. */
export interface AppArmorProfiles {
  default: string;
  /** Of the presets `hardened` and `restricted`. */
  hardened: string;
}

/** `--security-opt` words and capabilities, settled; Docker's texts when wrong. */
export function resolveSecurity(request: SecurityRequest, defaults: SecurityDefaults): SecurityInput {
  const { privileged } = request;
  const profile = privileged ? undefined : appArmorProfileOf(request, defaults);
  let input: SecurityInput = {
    privileged,
    capabilitiesAdd: request.capAdd,
    capabilitiesDrop: request.capDrop,
    noNewPrivileges: false,
    seccomp: privileged ? 'default' : defaults.seccomp,
    ...(profile === undefined ? {} : { apparmorProfile: profile }),
    ...(request.maskedPaths ? { maskedPaths: request.maskedPaths } : {}),
    ...(request.readonlyPaths ? { readonlyPaths: request.readonlyPaths } : {}),
  };
  for (const option of request.options) input = withOption(input, option, defaults);
  const label = defaults.seLinux ? seLinuxLabel(request.options) : undefined;
  return label === undefined ? input : { ...input, selinuxLabel: label };
}

function appArmorProfileOf(
  request: SecurityRequest,
  { apparmorProfiles }: SecurityDefaults,
): string | undefined {
  const preset = presetOf(request);
  return apparmorProfiles?.[preset === 'hardened' || preset === 'restricted' ? 'hardened' : 'default'];
}

function withOption(input: SecurityInput, option: string, defaults: SecurityDefaults): SecurityInput {
  const [, key = option, value = ''] = /^([^=:]+)[=:]([\s\S]*)$/.exec(option) ?? [];
  if (key === option && !bareWords.includes(key)) throw wrong(option, 1);
  switch (key) {
    case 'no-new-privileges':
      return { ...input, noNewPrivileges: value === '' || flag(option, value) };
    case 'writable-cgroups':
      return { ...input, writableCgroups: value === '' || flag(option, value) };
    case 'seccomp':
      return { ...input, seccomp: seccompChoice(value, defaults) };
    case 'apparmor':
      return withAppArmor(input, value, defaults);
    case 'proc-opts':
      return { ...input, procOptions: procOptions(option, value) };
    case 'systempaths':
      if (value === 'unconfined') return { ...input, maskedPaths: [], readonlyPaths: [] };
      break;
    // Means something only where SELinux is on, as in Docker: `seLinuxLabel`.
    case 'label':
      return input;
    // Its parts stand beside it (`applyPreset`).
    case 'silo':
      parsePreset(value);
      return input;
  }
  throw wrong(option, 2);
}

/** Those that need no value. */
const bareWords = ['no-new-privileges', 'writable-cgroups'];

function seccompChoice(value: string, defaults: SecurityDefaults): SeccompChoice {
  switch (value) {
    case '':
      return defaults.seccomp;
    case 'builtin':
      return 'default';
    case 'hardened':
    case 'unconfined':
      return value;
    default:
      return { profile: value };
  }
}

/** Without AppArmor in the kernel a profile means nothing, as in Docker; a runtime would refuse it. */
function withAppArmor(input: SecurityInput, value: string, { appArmor }: SecurityDefaults): SecurityInput {
  const { apparmorProfile: _, ...rest } = input;
  return value === 'unconfined' || !appArmor ? rest : { ...rest, apparmorProfile: value };
}

/** proc(5): who sees which processes in /proc. */
function procOptions(option: string, value: string): string[] {
  const words = value.split(',');
  if (
    words.every((word) => /^hidepid=(0|1|2|4|off|noaccess|invisible|ptraceable)$|^gid=\d{1,10}$/.test(word))
  )
    return words;
  throw wrong(option, 2, 'proc-opts takes hidepid=off|noaccess|invisible|ptraceable and gid=NUMBER');
}

/** The label of the process by the parts that were asked for; none when nobody asked, as with Docker, whose daemon leaves SELinux off. */
function seLinuxLabel(options: readonly string[]): string | undefined {
  const words = options.flatMap((option) => /^label[=:](.*)$/.exec(option)?.[1] ?? []);
  if (words.length === 0 || words.includes('disable')) return undefined;
  const part = (name: string, otherwise: string): string => {
    const word = words.findLast((each) => each.startsWith(`${name}:`));
    return word?.slice(name.length + 1) ?? otherwise;
  };
  const label = [
    part('user', 'system_u'),
    part('role', 'system_r'),
    part('type', 'container_t'),
    part('level', 's0'),
  ];
  return label.join(':');
}

function flag(option: string, value: string): boolean {
  if (value !== 'true' && value !== 'false') throw wrong(option, 2);
  return value === 'true';
}

function wrong(option: string, place: 1 | 2, hint?: string): Error {
  return invalid(`invalid --security-opt ${place}: "${option}"`, {
    code: 'invalid-security-opt',
    hint:
      hint ??
      'known are no-new-privileges, seccomp=, apparmor=, label=, systempaths=unconfined, proc-opts=, writable-cgroups=, silo=PRESET',
  });
}
