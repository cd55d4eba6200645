/** Those of the names that somebody who typed `typed` may have meant, the nearest first. */
export function nearest(typed: string, names: Iterable<string>, most = 3): string[] {
  const limit = typed.length > 3 ? 2 : 1;
  return [...names]
    .filter((name) => Math.abs(name.length - typed.length) <= limit)
    .map((name) => ({ name, away: distance(name, typed) }))
    .filter(({ away }) => away <= limit)
    .toSorted((a, b) => a.away - b.away)
    .slice(0, most)
    .map(({ name }) => name);
}

/** Letters that are missing, too many or wrong; two neighbours that changed places are one mistake (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const swapped = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j];
      next.push(
        Math.min(
          (row[j + 1] ?? 0) + 1,
          (next[j] ?? 0) + 1,
          (row[j] ?? 0) + Number(a[i] !== b[j]),
          swapped ? (before[j - 1] ?? 0) + 1 : Infinity,
        ),
      );
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}
