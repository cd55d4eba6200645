import { entryWidth, type LogBlock, type ReadLogs } from './logs.ts';

export interface FilteredBlock extends LogBlock {
  /** An entry after `untilMs` was met: nothing later is wanted. */
  finished: boolean;
}

/** `undefined` for a time means no limit. */
export type EntryFilter = Pick<ReadLogs, 'stdout' | 'stderr'> & {
  sinceMs?: number | undefined;
  untilMs?: number | undefined;
};

/** Keeps what the options select, in place. */
export function filterBlock(block: LogBlock, options: EntryFilter): FilteredBlock {
  const { bytes, index } = block;
  const { stdout, stderr, sinceMs, untilMs } = options;
  if (stdout && stderr && sinceMs === undefined && untilMs === undefined)
    return { ...block, finished: false };
  const clock = createTimeParser(bytes);
  const timed = sinceMs !== undefined || untilMs !== undefined;
  let kept = 0;
  for (let entry = 0; entry < block.count; entry++) {
    const slot = entry * entryWidth;
    if (timed) {
      const time = clock(index[slot + 1] ?? 0, index[slot + 2] ?? 0);
      if (untilMs !== undefined && time > untilMs) return { bytes, index, count: kept, finished: true };
      if (sinceMs !== undefined && time < sinceMs) continue;
    }
    if (!(index[slot] === 1 ? stdout : stderr)) continue;
    if (kept !== entry) index.copyWithin(kept * entryWidth, slot, slot + entryWidth);
    kept++;
  }
  return { bytes, index, count: kept, finished: false };
}

/**
 * Milliseconds since the epoch of a time in a block, with a fraction. Neighbours mostly share their second, which is parsed once.
 * Not a time: NaN, which no comparison selects against.
 */
export function createTimeParser(bytes: Buffer): (start: number, end: number) => number {
  let second = '';
  let zone = '';
  let base = 0;
  return (start, end) => {
    const text = bytes.toString('latin1', start, end);
    const fractionEnd = zoneStart(text);
    const newSecond = text.slice(0, 19);
    const newZone = text.slice(fractionEnd);
    if (newSecond !== second || newZone !== zone) {
      [second, zone] = [newSecond, newZone];
      base = Date.parse(second + zone);
    }
    return base + Number(`0${text.slice(19, fractionEnd)}`) * 1000;
  };
}

/** The date has dashes of its own, so the zone is looked for after the seconds. */
function zoneStart(text: string): number {
  for (let i = 19; i < text.length; i++) {
    const letter = text[i];
    if (letter === 'Z' || letter === '+' || letter === '-') return i;
  }
  return text.length;
}
