/** Compares texts with numbers in them by the numbers, everything else by code point: `80/tcp` stands before `7000/tcp`. */
export function naturalOrder(a: string, b: string): number {
  const left = a.match(/\d+|\D/g) ?? [];
  const right = b.match(/\d+|\D/g) ?? [];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const one = left[index] ?? '';
    const other = right[index] ?? '';
    const bothNumbers = /^\d/.test(one) && /^\d/.test(other);
    if (bothNumbers && Number(one) !== Number(other)) return Number(one) - Number(other);
    if (one !== other) return one < other ? -1 : 1;
  }
  return left.length - right.length;
}
