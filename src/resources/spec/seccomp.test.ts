import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { defaultCapabilities, knownCapabilities } from './capabilities.ts';
import { hardenedSeccomp } from './seccomp-hardened.ts';
import { parseSeccompProfile } from './seccomp-profile.ts';
import { defaultSeccomp, type SeccompHost } from './seccomp.ts';
import { architectures } from './seccomp-table.ts';

const host: SeccompHost = { architecture: 'amd64', kernelRelease: '6.1.0-13-amd64' };
/** Docker's profile as data; the comparison needs it, the engine does not. */
const reference = process.env['SILO_SECCOMP_REFERENCE'] ?? '../shared/reference/docker-seccomp-default.json';

/** Which argument conditions lead to which action, per system call: equal maps are equal filters. */
function effect(profile: ReturnType<typeof defaultSeccomp>): Map<string, string[]> {
  const byName = new Map<string, Set<string>>();
  for (const rule of profile.syscalls ?? [])
    for (const name of rule.names) {
      const args = (rule.args ?? []).map((arg) => [arg.index, arg.value, arg.valueTwo ?? 0, arg.op]);
      const outcome = `${rule.action} ${rule.errnoRet ?? ''} ${JSON.stringify(args)}`;
      byName.set(name, (byName.get(name) ?? new Set()).add(outcome));
    }
  const allowed = 'SCMP_ACT_ALLOW  []';
  return new Map(
    [...byName]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, outcomes]) => [name, outcomes.has(allowed) ? [allowed] : [...outcomes].sort()]),
  );
}

/** Before and after each kernel that a rule names, and far from both. */
const kernels = ['3.10.0-1160.el7', '4.7.10', '4.8.0', '5.15.0-100-generic', '6.18.44'];

if (!existsSync(reference)) console.log(`skipped: comparison of seccomp profiles: ${reference} is not there`);
describe.skipIf(!existsSync(reference))('the default profile has the effect of the one of Docker', () => {
  const json = existsSync(reference) ? readFileSync(reference, 'utf8') : '';
  const compare = (capabilities: readonly string[], machine: SeccompHost): void => {
    const ours = defaultSeccomp(capabilities, machine);
    const theirs = parseSeccompProfile(json, capabilities, machine);
    expect(effect(ours)).toEqual(effect(theirs));
    // Without a list it is the native one.
    const native = architectures[machine.architecture]?.slice(0, 1) ?? [];
    expect(ours.architectures).toEqual(theirs.architectures ?? native);
    expect([ours.defaultAction, ours.defaultErrnoRet]).toEqual([
      theirs.defaultAction,
      theirs.defaultErrnoRet,
    ]);
    expect(theirs.flags).toBeUndefined();
  };

  test.each(Object.keys(architectures))(
    'on %s, with every capability alone and on every kernel',
    (architecture) => {
      for (const kernelRelease of kernels) {
        compare(defaultCapabilities, { architecture, kernelRelease });
        compare([], { architecture, kernelRelease });
        compare(knownCapabilities, { architecture, kernelRelease });
      }
      for (const capability of knownCapabilities) {
        const machine = { ...host, architecture };
        compare([capability], machine);
        compare([...defaultCapabilities, capability], machine);
        compare(
          knownCapabilities.filter((other) => other !== capability),
          machine,
        );
      }
    },
  );

  test('condition by condition: every one of the reference is one that the comparison varies', () => {
    const { syscalls } = JSON.parse(json) as {
      syscalls: Record<'includes' | 'excludes', { caps?: string[]; arches?: string[]; minKernel?: string }>[];
    };
    const known = [...Object.keys(architectures), 'arm', 'x32', 'x86', 's390'];
    for (const rule of syscalls)
      for (const condition of [rule.includes, rule.excludes]) {
        for (const capability of condition?.caps ?? []) expect(knownCapabilities).toContain(capability);
        for (const architecture of condition?.arches ?? []) expect(known).toContain(architecture);
        expect([undefined, '4.8']).toContain(condition?.minKernel);
      }
  });
});

test('namespaces cannot be made without CAP_SYS_ADMIN and can with it', () => {
  const plain = effect(defaultSeccomp(defaultCapabilities, host));
  expect(plain.has('unshare')).toBe(false);
  expect(plain.get('clone3')).toEqual(['SCMP_ACT_ERRNO 38 []']);
  expect(effect(defaultSeccomp(['CAP_SYS_ADMIN'], host)).has('unshare')).toBe(true);
});

test('the hardened profile allows nothing that the default does not', () => {
  for (const architecture of Object.keys(architectures))
    for (const capabilities of [[], defaultCapabilities, knownCapabilities, ['CAP_SYS_ADMIN']]) {
      const machine = { ...host, architecture };
      const whole = effect(defaultSeccomp(capabilities, machine));
      const less = hardenedSeccomp(capabilities, machine);
      for (const name of effect(less).keys()) expect(whole.has(name)).toBe(true);
      expect(less.architectures).toHaveLength(1);
      expect(less.defaultAction).toBe('SCMP_ACT_ERRNO');
    }
});

test('the hardened profile leaves out other processes, raw and odd sockets, and user namespaces even of an administrator', () => {
  const plain = effect(hardenedSeccomp([], host));
  const gone = `ptrace process_vm_readv bpf perf_event_open unshare keyctl add_key request_key io_uring_setup userfaultfd socketcall
    modify_ldt vmsplice name_to_handle_at`;
  for (const name of gone.split(/\s+/)) expect([name, plain.has(name)]).toEqual([name, false]);
  const families = (capabilities: string[]): string[] =>
    (effect(hardenedSeccomp(capabilities, host)).get('socket') ?? []).map((rule) =>
      rule.replace(/.*\[\[0,(\d+),0,"SCMP_CMP_EQ"\]\]/, '$1'),
    );
  expect(
    families([])
      .map(Number)
      .toSorted((a, b) => a - b),
  ).toEqual([1, 2, 10, 16]);
  expect(families(['CAP_NET_RAW'])).toContain('17');
  expect(effect(hardenedSeccomp(['CAP_SYS_PTRACE'], host)).has('ptrace')).toBe(true);
  const administrator = effect(hardenedSeccomp(['CAP_SYS_ADMIN'], host));
  expect(administrator.get('unshare')).toEqual(['SCMP_ACT_ALLOW  [[0,268435456,0,"SCMP_CMP_MASKED_EQ"]]']);
  expect(administrator.get('clone3')).toEqual(['SCMP_ACT_ERRNO 38 []']);
  expect(administrator.has('bpf')).toBe(false);
});

const withRule = (rule: unknown): string =>
  JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule] });
const allow = { names: ['read'], action: 'SCMP_ACT_ALLOW' };

test.each([
  ['{', 'not valid JSON'],
  ['', 'not valid JSON'],
  ['null', 'no JSON object'],
  ['[]', 'no JSON object'],
  ['{}', '"defaultAction" is missing'],
  ['{"defaultAction":"SCMP_ACT_NOTIFY"}', '"defaultAction" is "SCMP_ACT_NOTIFY"; known are SCMP_ACT_KILL'],
  ['{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":-1}', 'no errno'],
  ['{"defaultAction":"SCMP_ACT_ERRNO","syscalls":{}}', '"syscalls" is no list'],
  ['{"defaultAction":"SCMP_ACT_ERRNO","flags":["X"]}', '"flags" is "X"'],
  ['{"defaultAction":"SCMP_ACT_ERRNO","architectures":["x86_64"]}', '"architectures" is "x86_64"'],
  ['{"defaultAction":"SCMP_ACT_ERRNO","archMap":[{}]}', 'archMap[0] needs "architecture"'],
  [
    '{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86"}]}',
    'both "architectures" and "archMap"',
  ],
  [withRule(7), 'syscalls[0] is no JSON object'],
  [withRule({ names: ['a'] }), 'syscalls[0] needs "action"'],
  [withRule({ ...allow, action: 'ALLOW' }), '"action" of syscalls[0] is "ALLOW"'],
  [withRule({ action: 'SCMP_ACT_ALLOW' }), 'syscalls[0] needs "names"'],
  [withRule({ ...allow, name: 'write' }), 'both "name" and "names"'],
  [withRule({ ...allow, names: [1] }), '"names" of syscalls[0] holds what is no text'],
  [withRule({ ...allow, errnoRet: 5000 }), '"errnoRet" of syscalls[0] is no errno'],
  [withRule({ ...allow, args: [{ index: 6, value: 1, op: 'SCMP_CMP_EQ' }] }), 'not 0 to 5'],
  [withRule({ ...allow, args: [{ index: 0, value: 2 ** 60, op: 'SCMP_CMP_EQ' }] }), '"value" of args[0]'],
  [withRule({ ...allow, args: [{ index: 0, op: 'SCMP_CMP_EQ' }] }), 'needs "value"'],
  [
    withRule({ ...allow, args: [{ index: 0, value: 1, op: '==' }] }),
    '"op" of args[0] of syscalls[0] is "=="',
  ],
  [withRule({ ...allow, includes: { minKernel: 'five' } }), '"minKernel" of "includes"'],
  [withRule({ ...allow, names: Array.from({ length: 20_000 }, () => 'read') }), 'more than 16384 names'],
  [`{"defaultAction":"${'x'.repeat(1_100_000)}"}`, 'more than 1048576 bytes'],
])('a malformed profile is refused with the reason: %p', (text, reason) => {
  expect(() => parseSeccompProfile(text, [], host)).toThrow(reason);
});

test('what Docker writes with null where a list is empty is read', () => {
  const text = `{"defaultAction":"SCMP_ACT_ERRNO","architectures":null,"flags":null,"archMap":null,
    "syscalls":[{"name":"read","names":null,"action":"SCMP_ACT_ALLOW","args":null,"includes":null,"excludes":{"caps":null}}]}`;
  expect(parseSeccompProfile(text, [], host).syscalls).toEqual([
    { names: ['read'], action: 'SCMP_ACT_ALLOW' },
  ]);
});
