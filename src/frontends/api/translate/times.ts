/** Go's zero time: what Docker shows for "never". */
export const zeroTime = '0001-01-01T00:00:00Z';

/** RFC 3339 in UTC, fractions without trailing zeros, as Go writes them. */
export function formatTime(ms: number | undefined): string {
  if (ms === undefined) return zeroTime;
  return new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z');
}

/** As `formatTime`, to the nanosecond. */
export function formatTimeNs(ns: bigint): string {
  const fraction = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = new Date(Number((ns - fraction) / 1_000_000n)).toISOString().slice(0, -5);
  const digits = fraction.toString().padStart(9, '0').replace(/0+$/, '');
  return digits === '' ? `${seconds}Z` : `${seconds}.${digits}Z`;
}

/** Whole seconds since the epoch. */
export function toSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}

const minute = 60;
const hour = 60 * minute;
const day = 24;

/** A duration for people, in the steps and words of Docker's `ps` (go-units HumanDuration). */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < minute) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / minute);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(ms / 1000 / hour + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 2 * day) return `${hours} hours`;
  if (hours < 14 * day) return `${Math.floor(hours / day)} days`;
  if (hours < 60 * day) return `${Math.floor(hours / day / 7)} weeks`;
  if (hours < 730 * day) return `${Math.floor(hours / day / 30)} months`;
  return `${Math.floor(ms / 1000 / hour / day / 365)} years`;
}
