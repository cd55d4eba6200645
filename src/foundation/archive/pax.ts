/** PAX extended header records: `"%d %s=%s\n"`. POSIX.1-2017 pax, "pax Extended Header". */

/** Keyword and value, one character a byte. */
export type PaxRecord = readonly [key: string, value: string];

const space = 0x20;
const newline = 0x0a;
const equals = 0x3d;

/** Splits a payload into records. Lengths that lie about the record's end fail, as do NULs in keywords. */
export function parsePax(payload: Buffer, failure: (what: string) => Error): PaxRecord[] {
  const records: PaxRecord[] = [];
  let at = 0;
  while (at < payload.length) {
    const lengthEnd = payload.indexOf(space, at);
    // Twenty digits is more than any archive can hold; without the bound a lie would cost a scan per record.
    const digits = lengthEnd < 0 || lengthEnd - at > 20 ? '' : payload.toString('latin1', at, lengthEnd);
    if (!/^[0-9]+$/.test(digits)) throw failure('PAX record without a length');
    const end = at + Number(digits);
    if (end > payload.length || end <= lengthEnd + 2 || payload[end - 1] !== newline)
      throw failure(`PAX record length ${digits} does not fit`);
    const keyEnd = payload.indexOf(equals, lengthEnd + 1);
    if (keyEnd <= lengthEnd + 1 || keyEnd >= end - 1) throw failure('PAX record without "="');
    const key = payload.toString('latin1', lengthEnd + 1, keyEnd);
    if (key.includes('\0')) throw failure('PAX keyword contains a NUL byte');
    records.push([key, payload.toString('latin1', keyEnd + 1, end - 1)]);
    at = end;
  }
  return records;
}

/** One record; its length counts itself. `value` is one character a byte. */
export function formatPaxRecord(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

/** Seconds and nanoseconds since the epoch; `nsec` is never negative, so -1.5 s is {-2, 500000000}. */
export interface TarTime {
  sec: number;
  nsec: number;
}

/** Decimal seconds with a fraction of any length, of which nine digits count. */
export function parsePaxTime(text: string): TarTime | undefined {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '0', fraction = ''] = match;
  const sec = Number(whole);
  const nsec = Number(fraction.slice(0, 9).padEnd(9, '0'));
  if (sign !== '-') return { sec, nsec };
  return nsec === 0 ? { sec: 0 - sec, nsec: 0 } : { sec: -sec - 1, nsec: 1_000_000_000 - nsec };
}

/** The shortest exact form. */
export function formatPaxTime(time: TarTime): string {
  if (time.nsec === 0) return String(time.sec);
  const negative = time.sec < 0;
  const whole = negative ? -time.sec - 1 : time.sec;
  const nsec = negative ? 1_000_000_000 - time.nsec : time.nsec;
  const fraction = String(nsec).padStart(9, '0').replace(/0+$/, '');
  return `${negative ? '-' : ''}${whole}.${fraction}`;
}
