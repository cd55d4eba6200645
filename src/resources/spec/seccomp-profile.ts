import { invalid } from '../../foundation/base/errors.ts';
import type { SpecSeccomp, SpecSyscallRule } from '../../foundation/oci/runtime-spec.ts';
import { kernelAtLeast } from './kernel-release.ts';
import type { SeccompHost } from './seccomp.ts';
import { architectures } from './seccomp-table.ts';

/** Far above any real profile: Docker's own has 24 KB. */
const mostBytes = 1024 * 1024;
/** Rules times names; a filter may have 32,768 instructions (seccomp(2)). */
const mostNames = 16_384;

/**
 * A profile in Docker's JSON format (`--security-opt seccomp=FILE`), its conditions resolved. Kind `invalid` with the place and the reason when it is
 * malformed: what a runtime would answer to it says neither.
 */
export function parseSeccompProfile(
  json: string,
  capabilities: readonly string[],
  host: SeccompHost,
): SpecSeccomp {
  const profile = readSeccompProfile(json);
  const native = architectures[host.architecture]?.[0];
  const mapped = profile.archMap?.find((entry) => entry.architecture === native);
  const selected = mapped
    ? [mapped.architecture, ...(mapped.subArchitectures ?? [])]
    : (profile.architectures ?? []);
  const held = new Set(capabilities);
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(selected.length > 0 ? { architectures: selected } : {}),
    ...(profile.flags?.length ? { flags: profile.flags } : {}),
    syscalls: (profile.syscalls ?? []).filter((rule) => ruleApplies(rule, held, host)).map(toSyscallRule),
  };
}

interface ProfileCondition {
  arches?: string[] | null;
  caps?: string[] | null;
  minKernel?: string | null;
}

interface ProfileRule {
  names?: string[] | null;
  name?: string;
  action: string;
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[] | null;
  includes?: ProfileCondition | null;
  excludes?: ProfileCondition | null;
}

interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[] | null;
  archMap?: { architecture: string; subArchitectures?: string[] | null }[] | null;
  flags?: string[] | null;
  syscalls?: ProfileRule[] | null;
}

/** The profile as it is written, every part of it checked; conditions stay. */
export function readSeccompProfile(json: string): SeccompProfile {
  if (json.length > mostBytes) throw wrong(`it has more than ${mostBytes} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw wrong(`it is not valid JSON (${reason.slice(0, 120)})`, cause);
  }
  return checkProfile(value);
}

function checkProfile(value: unknown): SeccompProfile {
  if (!isRecord(value)) throw wrong('it is no JSON object with a "defaultAction"');
  if (typeof value['defaultAction'] !== 'string') throw wrong('"defaultAction" is missing');
  checkWord(value['defaultAction'], actions, '"defaultAction"');
  checkErrno(value['defaultErrnoRet'], '"defaultErrnoRet"');
  checkWords(value['flags'], flags, '"flags"');
  checkWords(value['architectures'], archNames, '"architectures"');
  checkArchMap(value['archMap']);
  if (isFilled(value['architectures']) && isFilled(value['archMap']))
    throw wrong('it sets both "architectures" and "archMap"; use one of them');
  const rules = value['syscalls'] ?? [];
  if (!Array.isArray(rules)) throw wrong('"syscalls" is no list');
  const names = rules.reduce((count: number, rule, at) => count + checkRule(rule, `syscalls[${at}]`), 0);
  if (names > mostNames) throw wrong(`it has more than ${mostNames} names of system calls`);
  // Checked field by field above.
  return value as unknown as SeccompProfile;
}

function checkArchMap(value: unknown): void {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value)) throw wrong('"archMap" is no list');
  for (const [at, entry] of value.entries()) {
    if (!isRecord(entry) || typeof entry['architecture'] !== 'string')
      throw wrong(`archMap[${at}] needs "architecture"`);
    checkWord(entry['architecture'], archNames, `archMap[${at}]`);
    checkWords(entry['subArchitectures'], archNames, `"subArchitectures" of archMap[${at}]`);
  }
}

/** How many names the rule has. */
function checkRule(rule: unknown, where: string): number {
  if (!isRecord(rule)) throw wrong(`${where} is no JSON object`);
  const { names, name, action } = rule;
  if (typeof action !== 'string') throw wrong(`${where} needs "action"`);
  checkWord(action, actions, `"action" of ${where}`);
  checkErrno(rule['errnoRet'], `"errnoRet" of ${where}`);
  checkWords(names, undefined, `"names" of ${where}`);
  if (name !== undefined && typeof name !== 'string') throw wrong(`"name" of ${where} is no text`);
  const count = Array.isArray(names) ? names.length : 0;
  if (count === 0 && !name) throw wrong(`${where} needs "names"`);
  if (count > 0 && name) throw wrong(`${where} has both "name" and "names"; use one of them`);
  const args = rule['args'] ?? [];
  if (!Array.isArray(args)) throw wrong(`"args" of ${where} is no list`);
  for (const [at, arg] of args.entries()) checkArgument(arg, `args[${at}] of ${where}`);
  for (const key of ['includes', 'excludes']) checkCondition(rule[key], `"${key}" of ${where}`);
  return Math.max(count, 1);
}

function checkArgument(arg: unknown, where: string): void {
  if (!isRecord(arg)) throw wrong(`${where} is no JSON object`);
  const { index, op } = arg;
  if (!isWhole(index, 5)) throw wrong(`"index" of ${where} is not 0 to 5, the arguments of a system call`);
  for (const key of ['value', 'valueTwo'])
    if (arg[key] !== undefined && !isWhole(arg[key], Number.MAX_SAFE_INTEGER))
      throw wrong(`"${key}" of ${where} is no whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);
  if (arg['value'] === undefined) throw wrong(`${where} needs "value"`);
  if (typeof op !== 'string') throw wrong(`${where} needs "op"`);
  checkWord(op, operators, `"op" of ${where}`);
}

function checkCondition(value: unknown, where: string): void {
  if (value === undefined || value === null) return;
  if (!isRecord(value)) throw wrong(`${where} is no JSON object`);
  for (const key of ['arches', 'caps']) checkWords(value[key], undefined, `"${key}" of ${where}`);
  const { minKernel } = value;
  if (minKernel === undefined || minKernel === null) return;
  if (typeof minKernel !== 'string' || !/^\d{1,4}\.\d{1,4}$/.test(minKernel))
    throw wrong(`"minKernel" of ${where} is no version such as "4.8"`);
}

/** seccomp(2); NOTIFY is left out, it needs a listener on the host that a profile cannot bring. */
const actions = [
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
];

const operators = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'].map((word) => `SCMP_CMP_${word}`);

const flags = ['TSYNC', 'LOG', 'SPEC_ALLOW'].map((word) => `SECCOMP_FILTER_FLAG_${word}`);

const archNames =
  `NATIVE X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X
  PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB`
    .split(/\s+/)
    .map((word) => `SCMP_ARCH_${word}`);

function checkWord(word: string, known: readonly string[], where: string): void {
  if (!known.includes(word))
    throw wrong(`${where} is ${JSON.stringify(word.slice(0, 60))}; known are ${known.join(', ')}`);
}

function checkWords(value: unknown, known: readonly string[] | undefined, where: string): void {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value)) throw wrong(`${where} is no list`);
  for (const word of value) {
    if (typeof word !== 'string' || word === '') throw wrong(`${where} holds what is no text`);
    if (known) checkWord(word, known, where);
  }
}

function checkErrno(value: unknown, where: string): void {
  // The kernel cuts higher ones (MAX_ERRNO).
  if (value !== undefined && value !== null && !isWhole(value, 4095))
    throw wrong(`${where} is no errno from 0 to 4095`);
}

const isWhole = (value: unknown, most: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0;

function wrong(reason: string, cause?: unknown): Error {
  return invalid(`Decoding seccomp profile failed: ${reason}`, {
    code: 'bad-seccomp-profile',
    cause,
  });
}

/** As Docker decides: every capability of `includes` must be held, any of `excludes` leaves the rule out. */
function ruleApplies(rule: ProfileRule, held: ReadonlySet<string>, host: SeccompHost): boolean {
  const { includes, excludes } = rule;
  if (excludes?.arches?.includes(host.architecture)) return false;
  if (excludes?.caps?.some((capability) => held.has(capability))) return false;
  if (excludes?.minKernel && isAtLeast(host, excludes.minKernel)) return false;
  if (includes?.arches?.length && !includes.arches.includes(host.architecture)) return false;
  if (includes?.caps?.length && !includes.caps.every((capability) => held.has(capability))) return false;
  return !includes?.minKernel || isAtLeast(host, includes.minKernel);
}

function isAtLeast({ kernelRelease }: SeccompHost, version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return kernelAtLeast(kernelRelease, [major, minor]);
}

function toSyscallRule(rule: ProfileRule): SpecSyscallRule {
  return {
    names: rule.names?.length ? rule.names : rule.name === undefined ? [] : [rule.name],
    action: rule.action,
    ...(typeof rule.errnoRet === 'number' ? { errnoRet: rule.errnoRet } : {}),
    ...(rule.args?.length
      ? {
          args: rule.args.map(({ index, value, valueTwo, op }) => ({
            index,
            value,
            ...(valueTwo === undefined ? {} : { valueTwo }),
            op,
          })),
        }
      : {}),
  };
}
