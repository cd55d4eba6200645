import { wrapWords } from '../../../foundation/base/wrap-words.ts';
import type { Finding, FindingStatus } from './finding.ts';

const colours: Record<FindingStatus, number> = { ok: 32, note: 36, warning: 33, problem: 31 };
const plurals: Record<FindingStatus, [string, string]> = {
  ok: ['ok', 'ok'],
  note: ['note', 'notes'],
  warning: ['warning', 'warnings'],
  problem: ['problem', 'problems'],
};
const statusWidth = 9;
const narrowest = 60;

/** What stands on a terminal: one line for what is well; what is not is explained, worst last, where the eye is. Pure. */
export function renderFindings(
  findings: readonly Finding[],
  options: { colour: boolean; columns: number },
): string {
  const { colour } = options;
  const width = Math.max(narrowest, Math.min(options.columns, 110));
  const order: FindingStatus[] = ['ok', 'note', 'warning', 'problem'];
  const lines = order.flatMap((status) =>
    findings
      .filter((finding) => finding.status === status)
      .flatMap((finding) => renderFinding(finding, { colour, width })),
  );
  return `${lines.join('\n')}\n\n${summary(findings)}\n`;
}

function renderFinding(finding: Finding, { colour, width }: { colour: boolean; width: number }): string[] {
  const { status, title, why, fix = [] } = finding;
  const label = paint(status.padEnd(statusWidth), colours[status], colour);
  const indent = ' '.repeat(statusWidth);
  const room = width - statusWidth;
  const [first = '', ...more] = wrapWords(title, room);
  const lines = [`${label}${first}`, ...more.map((line) => indent + line)];
  if (status === 'ok') return lines;
  const dim = (line: string): string => indent + paint(line, 2, colour);
  return [...lines, ...wrapWords(why, room).map(dim), ...fix.map((command) => `${indent}→ ${command}`)];
}

function summary(findings: readonly Finding[]): string {
  const count = (status: FindingStatus): number =>
    findings.filter((finding) => finding.status === status).length;
  const parts = (['ok', 'note', 'warning', 'problem'] as const)
    .map((status) => ({ status, n: count(status) }))
    .map(({ status, n }) => `${n} ${plurals[status][n === 1 ? 0 : 1]}`);
  const verdict =
    count('problem') > 0
      ? 'containers will not run before the problems are solved'
      : 'this machine can run containers';
  return `${parts.join(', ')}: ${verdict}.`;
}

/** For programs: findings as they are, and the counts. Pure. */
export function renderJson(findings: readonly Finding[]): string {
  const healthy = findings.every(({ status }) => status !== 'problem');
  return `${JSON.stringify({ healthy, findings }, null, 2)}\n`;
}

function paint(text: string, code: number, colour: boolean): string {
  return colour ? `\u001b[${code}m${text}\u001b[0m` : text;
}
