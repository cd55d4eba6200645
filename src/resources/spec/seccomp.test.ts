import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { defaultCapabilities, knownCapabilities } from './capabilities.ts';
import { defaultSeccomp, parseSeccompProfile, type SeccompHost } from './seccomp.ts';

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

test.skipIf(!existsSync(reference))('the default profile has the effect of the one of Docker', () => {
  const json = readFileSync(reference, 'utf8');
  const capabilitySets = [defaultCapabilities, [], knownCapabilities, ['CAP_SYS_PTRACE'], ['CAP_SYS_ADMIN']];
  const hosts = [
    host,
    { ...host, kernelRelease: '4.4.0' },
    { ...host, architecture: 'arm64' },
    { ...host, architecture: 's390x' },
  ];
  for (const capabilities of capabilitySets)
    for (const machine of hosts) {
      const ours = defaultSeccomp(capabilities, machine);
      const theirs = parseSeccompProfile(json, capabilities, machine);
      expect(effect(ours)).toEqual(effect(theirs));
      expect(ours.architectures).toEqual(theirs.architectures ?? []);
      expect([ours.defaultAction, ours.defaultErrnoRet]).toEqual([
        theirs.defaultAction,
        theirs.defaultErrnoRet,
      ]);
    }
});

test('namespaces cannot be made without CAP_SYS_ADMIN and can with it', () => {
  const plain = effect(defaultSeccomp(defaultCapabilities, host));
  expect(plain.has('unshare')).toBe(false);
  expect(plain.get('clone3')).toEqual(['SCMP_ACT_ERRNO 38 []']);
  expect(effect(defaultSeccomp(['CAP_SYS_ADMIN'], host)).has('unshare')).toBe(true);
});

test('a malformed profile is refused with the reason', () => {
  const parse = (text: string) => () => parseSeccompProfile(text, [], host);
  expect(parse('{')).toThrow('not valid JSON');
  expect(parse('[]')).toThrow('defaultAction');
  expect(parse('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"]}]}')).toThrow('"action"');
});
