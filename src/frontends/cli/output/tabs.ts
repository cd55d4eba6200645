/** Docker's lists: cells at least this wide, with this much space behind the longest. */
const listCells = { minimumWidth: 10, padding: 3 };

/**
 * Aligns tab-separated lines as Go's `text/tabwriter` does: a column is a block of neighbouring lines that have a cell there; the text behind
 * the last tab of a line belongs to no column.
 */
export function alignTabs(text: string, { minimumWidth, padding } = listCells): string {
  const lines = text.split('\n').map((line) => line.split('\t'));
  const widths: number[][] = lines.map(() => []);
  for (let column = 0; ; column++) {
    let found = false;
    for (let start = 0; start < lines.length; start++) {
      if (!hasCell(lines[start], column)) continue;
      found = true;
      let end = start;
      let width = 0;
      for (; end < lines.length && hasCell(lines[end], column); end++)
        width = Math.max(width, textWidth(lines[end]?.[column] ?? ''));
      const total = Math.max(width + padding, minimumWidth);
      for (let row = start; row < end; row++) widths[row]?.push(total);
      start = end;
    }
    if (!found) break;
  }
  return lines.map((cells, row) => alignLine(cells, widths[row] ?? [])).join('\n');
}

const hasCell = (cells: readonly string[] | undefined, column: number): boolean =>
  cells !== undefined && column < cells.length - 1;

function alignLine(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - textWidth(cell))))
    .join('');
}

/** In code points, as Go counts; good for all that names and times hold. Nearly no cell has one of two units, so few are taken apart. */
const textWidth = (text: string): number =>
  /[\ud800-\udfff]/.test(text) ? Array.from(text).length : text.length;
