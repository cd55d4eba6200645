const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const barLength = 50;

/** Four significant digits in decimal units, as go-units HumanSize writes them: `36.45kB`. */
export function humanSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(4))}${units[unit]}`;
}

/** Docker's bar for clients that print it as it comes: `[=>    ]  36.45kB/1.064MB`. */
export function progressText(current: number, total: number | undefined): string {
  const now = humanSize(current).padStart(8);
  if (total === undefined || total <= 0) return now;
  const done = Math.min(barLength, Math.floor(Math.floor((current / total) * 100) / 2));
  const bar = `[${'='.repeat(done)}>${' '.repeat(barLength - done)}] `;
  return current > total ? `${bar}${now}` : `${bar}${now}/${humanSize(total)}`;
}
