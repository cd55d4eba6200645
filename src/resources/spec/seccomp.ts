import { invalid } from '../../foundation/base/errors.ts';
import type { SpecSeccomp, SpecSyscallRule } from '../../foundation/oci/runtime-spec.ts';
import { kernelAtLeast } from './kernel-release.ts';
import { alwaysAllowed, architectures, conditionalRules, type ConditionalRule } from './seccomp-table.ts';

/** What the conditions of a profile are resolved against. */
export interface SeccompHost {
  /** Go's name, as in image configurations: `amd64`, `arm64`. */
  architecture: string;
  /** Kernel release as uname(2) gives it: `6.1.0-13-amd64`. */
  kernelRelease: string;
}

/** The default profile for a process with these capabilities (`CAP_…`). */
export function defaultSeccomp(capabilities: readonly string[], host: SeccompHost): SpecSeccomp {
  const rules = conditionalRules.filter((rule) => applies(rule, new Set(capabilities), host));
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    architectures: architectures[host.architecture] ?? [],
    syscalls: mergeUnconditional([
      { names: words(alwaysAllowed), action: 'SCMP_ACT_ALLOW' },
      ...rules.map(toSyscallRule),
    ]),
  };
}

/** A profile in Docker's JSON format (`--security-opt seccomp=FILE`), its conditions resolved. Kind `invalid` when it is malformed. */
export function parseSeccompProfile(
  json: string,
  capabilities: readonly string[],
  host: SeccompHost,
): SpecSeccomp {
  const profile = parseProfile(json);
  if (profile.architectures && profile.archMap)
    throw invalid('seccomp profile sets both "architectures" and "archMap"; use one of them');
  const native = architectures[host.architecture]?.[0];
  const mapped = profile.archMap?.find((entry) => entry.architecture === native);
  const selected = mapped ? [mapped.architecture, ...(mapped.subArchitectures ?? [])] : profile.architectures;
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(selected ? { architectures: selected } : {}),
    ...(profile.flags ? { flags: profile.flags } : {}),
    syscalls: (profile.syscalls ?? [])
      .filter((rule) => profileRuleApplies(rule, new Set(capabilities), host))
      .map(profileRule),
  };
}

function applies(rule: ConditionalRule, capabilities: ReadonlySet<string>, host: SeccompHost): boolean {
  if (rule.withCapability && !capabilities.has(rule.withCapability)) return false;
  if (rule.withoutCapability && capabilities.has(rule.withoutCapability)) return false;
  if (rule.onArchitectures && !rule.onArchitectures.includes(host.architecture)) return false;
  if (rule.notOnArchitectures?.includes(host.architecture)) return false;
  return !rule.minimumKernel || kernelAtLeast(host.kernelRelease, rule.minimumKernel);
}

function toSyscallRule(rule: ConditionalRule): SpecSyscallRule {
  return {
    names: words(rule.names),
    action: rule.errno === undefined ? 'SCMP_ACT_ALLOW' : 'SCMP_ACT_ERRNO',
    ...(rule.errno === undefined ? {} : { errnoRet: rule.errno }),
    ...(rule.args ? { args: rule.args.map(({ index, value, op }) => maskedArgument(index, value, op)) } : {}),
  };
}

/** `MASKED_EQ` compares `argument & value` with `valueTwo`, which is 0 here: none of the masked bits may be set. */
function maskedArgument(index: number, value: number, op: string) {
  return op === 'SCMP_CMP_MASKED_EQ' ? { index, value, valueTwo: 0, op } : { index, value, op };
}

/** One rule for all names that are allowed whatever their arguments: runtimes build their filter faster from fewer rules. */
function mergeUnconditional(rules: SpecSyscallRule[]): SpecSyscallRule[] {
  const plain = rules.filter((rule) => !rule.args && rule.action === 'SCMP_ACT_ALLOW');
  const names = [...new Set(plain.flatMap((rule) => rule.names))].sort();
  const rest = rules.filter((rule) => !plain.includes(rule) && !rule.names.every((n) => names.includes(n)));
  return [{ names, action: 'SCMP_ACT_ALLOW' }, ...rest];
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

interface ProfileCondition {
  arches?: string[];
  caps?: string[];
  minKernel?: string;
}

interface ProfileRule {
  names?: string[];
  name?: string;
  action: string;
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[] | null;
  includes?: ProfileCondition;
  excludes?: ProfileCondition;
}

interface Profile {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  archMap?: { architecture: string; subArchitectures?: string[] | null }[];
  flags?: string[];
  syscalls?: ProfileRule[];
}

function parseProfile(json: string): Profile {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw invalid('Decoding seccomp profile failed: it is not valid JSON', { cause });
  }
  const profile = value as Profile | null;
  if (typeof profile !== 'object' || profile === null || typeof profile.defaultAction !== 'string')
    throw invalid('Decoding seccomp profile failed: "defaultAction" is missing');
  const rulesAreSound =
    profile.syscalls === undefined ||
    (Array.isArray(profile.syscalls) && profile.syscalls.every((rule) => isProfileRule(rule)));
  if (!rulesAreSound)
    throw invalid('Decoding seccomp profile failed: each of "syscalls" needs "names" and "action"');
  return profile;
}

function isProfileRule(rule: unknown): rule is ProfileRule {
  if (typeof rule !== 'object' || rule === null || !('action' in rule)) return false;
  const candidate = rule as Partial<ProfileRule>;
  const named = typeof candidate.name === 'string' || Array.isArray(candidate.names);
  return named && typeof candidate.action === 'string';
}

function profileRuleApplies(rule: ProfileRule, held: ReadonlySet<string>, host: SeccompHost): boolean {
  const { includes, excludes } = rule;
  const minimum = (text: string | undefined): boolean => {
    const [major, minor] = (text ?? '').split('.').map(Number);
    return text !== undefined && kernelAtLeast(host.kernelRelease, [major ?? 0, minor ?? 0]);
  };
  if (excludes?.arches?.includes(host.architecture)) return false;
  if (excludes?.caps?.some((capability) => held.has(capability))) return false;
  if (minimum(excludes?.minKernel)) return false;
  if (includes?.arches?.length && !includes.arches.includes(host.architecture)) return false;
  if (includes?.caps?.length && !includes.caps.every((capability) => held.has(capability))) return false;
  return includes?.minKernel === undefined || minimum(includes.minKernel);
}

function profileRule(rule: ProfileRule): SpecSyscallRule {
  return {
    names: rule.names ?? (rule.name === undefined ? [] : [rule.name]),
    action: rule.action,
    ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
    ...(rule.args?.length ? { args: rule.args } : {}),
  };
}
