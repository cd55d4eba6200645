/** As the specification's "lexical order" of ASCII names. */
export function byCode(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Where it stands in a sorted list, or would stand. */
export function placeOf(sorted: readonly string[], wanted: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
