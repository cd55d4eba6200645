import { escapes, levels, type Level } from './escapes.ts';
import { attackRows } from './rows.ts';

const begin = '<!-- made by test/attacks/write-table.ts -->';
const end = '<!-- end -->';

/** The section of docs/security.md, from the two lists that the tests use. */
export function renderTables(): string {
  const names = Object.keys(levels) as Level[];
  const titles = names.map((name) => levels[name].words);
  return [
    begin,
    `| attack | ${titles.join(' | ')} |`,
    `|---|${names.map(() => '---|').join('')}`,
    ...escapes.map(
      ({ idea, through }) =>
        `| ${idea} | ${names.map((name) => (through.includes(name) ? '**yes**' : 'no')).join(' | ')} |`,
    ),
    '',
    '| row | attack | what happens here | tested by |',
    '|---|---|---|---|',
    ...attackRows.map(
      ({ row, name, here, tests }) =>
        `| ${row} | ${name} | ${here} | ${tests.length === 0 ? '-' : tests.map(({ file }) => `\`${file}\``).join(', ')} |`,
    ),
    end,
  ].join('\n');
}

/** The page with its section replaced. */
export function withTables(page: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error('docs/security.md has lost the marks of its attack table');
  return page.slice(0, from) + renderTables() + page.slice(to + end.length);
}
