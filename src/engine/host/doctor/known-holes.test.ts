import { expect, test } from 'bun:test';
import { holesOf, knownHoles } from './known-holes.ts';
import { compareVersions, parseVersion, type Version } from './program-version.ts';
import { judge } from './runtimes.ts';

function version(text: string): Version {
  const parsed = parseVersion(text);
  if (!parsed) throw new Error(`no version in ${text}`);
  return parsed;
}
const ids = (program: string, text: string): string[] => holesOf(program, version(text)).map(({ id }) => id);

test.each([
  ['crun version 1.8.1', [1, 8, 1], undefined],
  ['runc version 1.1.5+ds1', [1, 1, 5], undefined],
  ['runc version 1.2.0-rc.3', [1, 2, 0], 3],
  ['conmon version 2.1.12', [2, 1, 12], undefined],
  ['nftables v1.0.6 (Lester Gooch #5)', [1, 0, 6], undefined],
  ['crun 1.19', [1, 19, 0], undefined],
])('%s is read', (text, numbers, candidate) => {
  expect(parseVersion(text)?.numbers).toEqual(numbers as [number, number, number]);
  expect(parseVersion(text)?.candidate).toBe(candidate);
});

test('a release candidate is older than its release and newer than the one before', () => {
  const ordered = ['1.1.15', '1.2.0-rc.1', '1.2.0-rc.2', '1.2.0', '1.2.1', '1.10.0', '2.0.0'].map(version);
  expect([...ordered].reverse().sort(compareVersions)).toEqual(ordered);
});

test('a hole holds from its first release to before the one that mends it', () => {
  expect(ids('crun', '1.18')).not.toContain('CVE-2026-30892');
  expect(ids('crun', '1.19')).toContain('CVE-2026-30892');
  expect(ids('crun', '1.26.1')).toContain('CVE-2026-30892');
  expect(ids('crun', '1.27')).not.toContain('CVE-2026-30892');
  expect(ids('runc', '1.2.7')).toContain('CVE-2025-52881');
  expect(ids('runc', '1.2.8')).not.toContain('CVE-2025-52881');
  expect(ids('runc', '1.3.2')).toContain('CVE-2025-52881');
  expect(ids('runc', '1.4.0-rc.2')).toContain('CVE-2025-52881');
  expect(ids('runc', '1.4.0')).toEqual(['CVE-2026-41579']);
  expect(ids('runc', '1.4.3')).toEqual([]);
  expect(ids('conmon', '2.1.6')).toEqual([]);
});

test('holes without a mended release hold for every newer one', () => {
  expect(ids('crun', '9.0')).toEqual(['CVE-2026-88264', 'CVE-2026-88265']);
});

test('bounds of the table are versions, and no hole is listed twice', () => {
  const bounds = knownHoles.flatMap(({ affected }) => affected.flat());
  const named = bounds.filter((bound) => bound !== undefined && bound !== '0');
  expect(named.filter((bound) => parseVersion(bound ?? '') === undefined)).toEqual([]);
  expect(new Set(knownHoles.map(({ program, id }) => `${program} ${id}`)).size).toBe(knownHoles.length);
});

const runc = { name: 'runc', purpose: 'the other runtime', version: version('1.1.5') };

test('holes that Silo closes are a note, others a warning that names each', () => {
  const findings = judge(runc, new Set());
  expect(findings.map(({ status }) => status)).toEqual(['warning', 'note']);
  expect(findings[0]?.why).toContain('CVE-2024-21626');
  expect(findings[1]?.why).toContain('CVE-2026-41579');
});

test('what the package says it has mended is not reported', () => {
  expect(judge(runc, new Set(['CVE-2024-21626']))[0]?.why).not.toContain('CVE-2024-21626');
  const everything = new Set(knownHoles.map(({ id }) => id));
  expect(judge(runc, everything).map(({ status }) => status)).toEqual(['ok']);
});
