const powers: Record<string, number> = { '': 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** Bytes from `64m`, `1.5g`, `512KiB`; multiples are of 1024 (go-units' RAMInBytes). `-1` stays -1: swap uses it for no limit. */
export function parseBytes(text: string): number {
  if (text === '-1') return -1;
  const split = /^(.*?[0-9.])(?: ?)([^0-9. ]*)$/.exec(text);
  const number = split?.[1];
  if (number === undefined || !/^\+?(\d+\.?\d*|\.\d+)$/.test(number))
    throw new Error(`invalid size: '${text}'`);
  const suffix = (split?.[2] ?? '').toLowerCase();
  const power = powers[suffix.replace(/(?<=[kmgtp])i?b$/, '')];
  if (power === undefined) throw new Error(`invalid suffix: '${suffix}'`);
  return Math.trunc(Number(number) * 1024 ** power);
}
