import type {
  ReachJson,
  SecurityFindingJson,
  SecurityReportJson,
} from '../../../foundation/wire/silo/security.ts';
import { besideLabel } from './sentences.ts';

const statuses = ['pass', 'note', 'warn', 'fail'] as const;
const labelWidth = 16;

/** What is well in one line each; what is not is explained, worst last, where the eye is. */
export function renderSecurityReport(report: SecurityReportJson, width: number): string {
  const { Passed, Counted, Findings } = report;
  const lines = statuses.flatMap((status) =>
    Findings.filter(({ Status }) => Status === status).flatMap((finding) => renderFinding(finding, width)),
  );
  const failures = Findings.filter(({ Status }) => Status === 'fail').length;
  const verdict =
    failures === 0
      ? 'nothing here gives a container the host'
      : `${failures} of them give${failures === 1 ? 's' : ''} away the host`;
  return `${lines.join('\n')}\n\n${Passed} of ${Counted} items are as they should be: ${verdict}.\n`;
}

function renderFinding(
  { Id, Title, Status, Containers, Why, Fix }: SecurityFindingJson,
  width: number,
): string[] {
  const label = `${Status.padEnd(6)}${Id}`;
  const columns = { labelWidth, width };
  if (Status === 'pass')
    return besideLabel(label, [`${Title}: ${Why.length === 1 ? Why[0] : 'as it should be.'}`], columns);
  const names = Containers.length > 0 ? ` [${Containers.join(', ')}]` : '';
  const indent = ' '.repeat(labelWidth);
  return [
    ...besideLabel(label, [`${Title}${names}`], columns),
    ...besideLabel('', Why, columns),
    ...Fix.map((command) => `${indent}→ ${command}`),
  ];
}

const levels: Record<ReachJson['Areas'][number]['Level'], string> = { own: ' ', some: '·', host: '!' };

export function renderReach(reach: ReachJson, width: number): string {
  const { Container, Preset, Running, Areas, Escape } = reach;
  const columns = { labelWidth, width };
  const state = Running ? 'runs, so this is what the kernel tells' : 'does not run: this is what it asks for';
  return [
    ...besideLabel(Container, [`Preset ${Preset}. It ${state}.`], {
      labelWidth: Math.max(labelWidth, Container.length + 2),
      width,
    }),
    '',
    ...Areas.flatMap(({ Area, Level, Words }) => besideLabel(`${levels[Level]} ${Area}`, Words, columns)),
    '',
    ...besideLabel('  an escape', ['To control the host, who controls it would need:'], columns),
    ...besideLabel('', Escape, columns),
    '',
  ].join('\n');
}
