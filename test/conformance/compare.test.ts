import { expect, test } from 'bun:test';
import { compare } from './compare.ts';
import type { KnownDifference } from './known-differences.ts';
import { normalise } from './normalise.ts';
import { type Outcomes, type Scenario, splitWords } from './scenario.ts';

const scenario: Scenario = { name: 'a talk', steps: ['run x', 'ps'] };
const docker: Outcomes = { '1 run x': { code: 125, stderr: 'runc failed\n' }, '2 ps': { code: 0 } };
const ours: Outcomes = { '1 run x': { code: 125, stderr: 'crun failed\n' }, '2 ps': { code: 0 } };
const known: KnownDifference = { reason: 'crun', at: /> run x$/, stderr: [['runc', 'crun']] };

test('equal answers and known differences are no differences', () => {
  expect(compare(scenario, docker, docker, [])).toEqual([]);
  expect(compare(scenario, docker, ours, [known])).toEqual([]);
});

test('other words, other codes and missing facts are told', () => {
  expect(compare(scenario, docker, ours, [])).toEqual([
    { call: '1 run x', what: 'stderr', docker: 'runc failed\n', silo: 'crun failed\n' },
  ]);
  const failing = { ...docker, '2 ps': { code: 1 } };
  expect(compare(scenario, docker, failing, [])).toEqual([
    { call: '2 ps', what: 'code', docker: 0, silo: 1 },
  ]);
  expect(compare(scenario, { '2 ps': { code: 0 } }, docker, [])[0]?.what).toContain('no facts');
  expect(compare(scenario, { ...docker, '3 gone': { code: 0 } }, docker, [])[0]?.what).toContain(
    'record the facts',
  );
});

test('a known difference that is not there fails', () => {
  expect(compare(scenario, docker, docker, [known])[0]?.what).toContain('has vanished');
  const elsewhere = { ...known, at: /> ps$/ };
  expect(compare(scenario, docker, docker, [elsewhere])[0]?.what).toContain('nothing to change');
});

test('identities, times, addresses, sizes and widths are made equal, and nothing else', () => {
  const id = '0123456789abcdef'.repeat(4);
  const text = `${id} ${id.slice(0, 12)} 2026-01-02T03:04:05.6Z 2 weeks ago Up 3 hours\r\n10.1.2.3/16 0.0.0.0 127.0.0.1 02:42:ac:11:00:02 4.2MB      end  \n/t/x 8080`;
  expect(normalise(text, { dir: '/t', port: '8080' }, { docker: 'ps' })).toBe(
    '<id> <id> <time> <ago> Up <span>\n<ip> 0.0.0.0 127.0.0.1 <mac> <size>  end\n{dir}/x {port}',
  );
  expect(normalise('{"b":1,"a":[2]}', {}, { docker: 'x', json: true })).toBe(
    '{\n "a": [\n  2\n ],\n "b": 1\n}\n',
  );
  expect(normalise('b\nkeep\na\n', {}, { docker: 'x', unordered: true, drop: /keep/ })).toBe('a\nb\n');
});

test('words are split at spaces outside of quotes', () => {
  expect(splitWords(`run -e 'A=b c' x ''`)).toEqual(['run', '-e', 'A=b c', 'x', '']);
});
