/** Billionths of a CPU from `1.5` or `3/2`; more than nine places behind the point is refused, as Docker does. */
export function parseCpus(text: string): number {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:\/(\d+))?$/.exec(text);
  if (!match || match[2] === '0') throw new Error(`failed to parse ${text} as a rational number`);
  const nano = (Number(match[1]) * 1e9) / Number(match[2] ?? 1);
  const rounded = Math.round(nano);
  if (Math.abs(nano - rounded) > 1e-3) throw new Error('value is too precise');
  return rounded;
}
