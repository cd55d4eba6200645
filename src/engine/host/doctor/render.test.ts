import { expect, test } from 'bun:test';
import type { Finding } from './finding.ts';
import { renderFindings, renderJson } from './render.ts';

const findings: Finding[] = [
  { area: 'disk', status: 'problem', title: 'The disk is full', why: 'Nothing fits.', fix: ['rm x'] },
  { area: 'kernel', status: 'ok', title: 'Linux 6.1', why: 'All is there.' },
  { area: 'limits', status: 'note', title: 'Few files', why: 'w '.repeat(60).trim() },
];

test('well is one line, the rest is explained, and the worst stands last', () => {
  expect(renderFindings(findings, { colour: false, columns: 80 })).toBe(
    [
      'ok       Linux 6.1',
      'note     Few files',
      `         ${'w '.repeat(36).trim()}`,
      `         ${'w '.repeat(24).trim()}`,
      'problem  The disk is full',
      '         Nothing fits.',
      '         → rm x',
      '',
      '1 ok, 1 note, 0 warnings, 1 problem: containers will not run before the problems are solved.',
      '',
    ].join('\n'),
  );
});

test('colour is used only when asked for', () => {
  const escape = '\u001b';
  expect(renderFindings(findings, { colour: false, columns: 80 })).not.toContain(escape);
  expect(renderFindings(findings, { colour: true, columns: 80 })).toContain(`${escape}[31mproblem`);
});

test('JSON holds every finding and whether containers can run', () => {
  const parsed = JSON.parse(renderJson(findings)) as { healthy: boolean; findings: Finding[] };
  expect(parsed.healthy).toBe(false);
  expect(parsed.findings).toEqual(findings);
  expect(JSON.parse(renderJson([]))).toEqual({ healthy: true, findings: [] });
});
