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

/** `hardened` is `default` with less (seccomp-hardened.ts); `{ profile }` is the JSON text of a profile in Docker's format. */
export type SeccompChoice = 'default' | 'hardened' | 'unconfined' | { profile: string };

/** Makes filters once, for one host; undefined means none. */
export type SeccompMemory = (
  choice: SeccompChoice,
  capabilities: readonly string[],
) => SpecSeccomp | undefined;

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
