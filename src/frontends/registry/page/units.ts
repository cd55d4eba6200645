/** `12.3 MB`, in powers of ten as the rest of the program shows sizes. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}

/** Bounded text for a cell. */
export const shorten = (text: string, limit = 400): string =>
  text.length > limit ? `${text.slice(0, limit)}…` : text;
