import type { Outcome, Results, Row, SubjectName } from './results.ts';

export interface Table {
  head: string[];
  rows: string[][];
}

/** Ratios first: what differs between machines divides out, and what disturbed one run disturbed all alike. */
export function toTable(results: Results): Table {
  return {
    head: [
      'operation',
      'Docker / Silo',
      'Podman / Silo',
      'Silo / floor',
      'Silo',
      'must reach',
      'Docker',
      'Podman',
      'floor',
    ],
    rows: [
      ...results.rows.map((row) => [
        row.unit === 'ms' ? row.title : `${row.title}, ${row.unit}`,
        ratio(row, 'docker', 'silo'),
        ratio(row, 'podman', 'silo'),
        ratio(row, 'silo', 'floor'),
        figure(row, 'silo'),
        target(row),
        figure(row, 'docker'),
        figure(row, 'podman'),
        figure(row, 'floor'),
      ]),
      ...results.later.map((title) => [title, 'later', '', '', '', '', '', '', '']),
    ],
  };
}

/** What a newcomer compares, of the rows that both peers were measured in: their time in times of ours. */
export function toRatios(results: Results): Table {
  const rows = Object.entries(compared).flatMap(([name, words]) => {
    const row = results.rows.find((each) => each.name === name);
    const ratios = row && [ratio(row, 'docker', 'silo'), ratio(row, 'podman', 'silo')];
    return ratios?.every((text) => text.endsWith('x')) === true ? [[words, ...ratios]] : [];
  });
  return { head: ['', 'Docker', 'Podman'], rows };
}

const compared: Readonly<Record<string, string>> = {
  'run-none': 'create, start, wait for and remove a container',
  'run-bridge': 'the same on a network',
  'exec-true': '`exec true`',
  pull: 'pull and unpack 104 MB',
  load: 'load the same from a tar',
  push: 'push it to an empty registry',
  save: 'save it to a tar',
  'build-cold': 'build: 10 small RUN, COPY of 2,000 files',
  'cp-in': 'copy 2,000 files (50 MB) into a container',
  'cp-out': 'copy them out',
  'logs-read': 'read 200,000 lines of a log',
};

export function toMarkdown({ head, rows }: Table): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  const rule = `|${head.map((_, index) => (index === 0 ? '---|' : '---:|')).join('')}`;
  return [line(head), rule, ...rows.map((cells) => line(cells))].join('\n');
}

export function toText({ head, rows }: Table): string {
  const all = [head, ...rows];
  const widths = head.map((_, index) => Math.max(...all.map((cells) => (cells[index] ?? '').length)));
  const pad = (cell: string, index: number): string =>
    index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0);
  return all.map((cells) => cells.map(pad).join('  ').trimEnd()).join('\n');
}

function medianOf(outcome: Outcome | undefined): number | undefined {
  return outcome === undefined || 'failed' in outcome ? undefined : outcome.median;
}

function ratio(row: Row, above: SubjectName, below: SubjectName): string {
  const numerator = medianOf(row.outcomes[above]);
  const denominator = medianOf(row.outcomes[below]);
  return numerator === undefined || denominator === undefined
    ? '-'
    : `${(numerator / denominator).toFixed(2)}x`;
}

function figure(row: Row, subject: SubjectName): string {
  const outcome = row.outcomes[subject];
  if (outcome === undefined) return '-';
  return 'failed' in outcome ? 'failed' : format(outcome.median);
}

function target(row: Row): string {
  if (row.target === undefined) return '-';
  const reached = medianOf(row.outcomes.silo);
  if (reached === undefined) return format(row.target);
  const met = isMoreBetter(row) ? reached >= row.target : reached <= row.target;
  return `${format(row.target)} ${met ? 'yes' : 'NO'}`;
}

function isMoreBetter({ unit }: Row): boolean {
  return unit === 'Gbit/s' || unit === 'queries/s';
}

/** Three digits that matter. */
function format(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
