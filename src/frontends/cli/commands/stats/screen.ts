import { formatRows, type Row } from '../../output/rows.ts';
import { narrowTables, statsShape } from './row.ts';

/** A table of at most `columns` cells and `rows` lines: the widest of ours that fits, cut where even that does not. */
export function fitTable(
  rows: readonly Row[],
  format: string,
  size: { columns: number; rows: number },
): string[] {
  const isOwn = format.trim() === '' || format.trim() === 'table';
  const tables = isOwn ? [statsShape.table, ...narrowTables] : [statsShape.table];
  let lines: string[] = [];
  for (const table of tables) {
    lines = formatRows(rows, format, { ...statsShape, table })
      .trimEnd()
      .split('\n');
    if (lines.every((line) => Array.from(line.trimEnd()).length <= size.columns)) break;
  }
  const shown = lines.length > size.rows ? lines.slice(0, size.rows - 1) : lines;
  const hidden = lines.length - shown.length;
  return [...shown, ...(hidden > 0 ? [`… and ${hidden} more`] : [])].map((line) =>
    Array.from(line.trimEnd()).slice(0, size.columns).join(''),
  );
}

/** Draws over what stands there, so that nothing flickers: from the upper left corner, each line and then the rest of the screen cleared behind. */
export function redraw(lines: readonly string[]): string {
  return `\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\n')}\x1b[J`;
}
