type Stream = 'stdout' | 'stderr';

/**
 * Reads log output whose lines begin with their time, and knows how far it came: what a second connection gives again is left out. Lines of the
 * same nanosecond are told apart by their number, and a line that was cut by the end of a connection is continued where it was cut.
 */
export interface LogPlace {
  /** What of the piece is to be printed. */
  push(stream: Stream, piece: Uint8Array): Uint8Array[];
  /** A connection begins; the first lines may be those of the last one. Says from when it must read, as the API takes it. */
  restart(): string | undefined;
}

interface Line {
  time: string;
  /** Which of the lines with this time, from 1. */
  number: number;
  /** The time of the lines before those with this one: where lines can be counted from, as one may begin with the end of a cut line. */
  before: string;
  /** Bytes of it that were seen, without the time. */
  bytes: number;
}

interface State {
  /** The furthest that was printed. */
  printed?: Line;
  current?: Line | undefined;
  beforeTime: string;
  previousTime: string;
  previousNumber: number;
  /** The beginning of a time. */
  head: Buffer;
  repeating: boolean;
}

const newline = 0x0a;
const space = 0x20;
/** `2026-01-02T03:04:05.000000000+00:00`. */
const longestTime = 40;

export interface LogPlaceOptions {
  /** Print the times, too. */
  timestamps: boolean;
  /** The first connection begins somewhere between lines, perhaps of the same time; such lines are not counted but left out as a whole. */
  tailed: boolean;
  /** Of the first connection. */
  since: string | undefined;
}

export function createLogPlace({ timestamps, tailed, since }: LogPlaceOptions): LogPlace {
  const begin = (printed?: Line): State => ({
    ...(printed ? { printed } : {}),
    beforeTime: '',
    previousTime: '',
    previousNumber: 0,
    head: Buffer.alloc(0),
    repeating: printed !== undefined,
  });
  const states: Record<Stream, State> = { stdout: begin(), stderr: begin() };

  /** Of the bytes of a line, those that were not printed; notes that they are now. */
  const take = (state: State, line: Line, text: Buffer, prefix: Buffer): Uint8Array[] => {
    const start = line.bytes;
    line.bytes += text.length;
    const { printed } = state;
    const isSame = printed?.time === line.time && printed.number === line.number;
    if (state.repeating && printed) {
      const isBehind =
        isSame || line.time > printed.time || (line.time === printed.time && line.number > printed.number);
      if (!isBehind) return [];
      if (!isSame) state.repeating = false;
      else if (line.bytes <= printed.bytes) return [];
      else {
        const known = Math.max(0, printed.bytes - start);
        state.printed = { ...line };
        return [text.subarray(known)];
      }
    }
    state.printed = { ...line };
    return start === 0 && prefix.length > 0 ? [prefix, text] : [text];
  };

  const beginLine = (state: State, head: Buffer): Line => {
    const time = head.toString('latin1', 0, head.length - 1);
    if (time !== state.previousTime) {
      state.beforeTime = state.previousTime;
      state.previousNumber = 0;
    }
    state.previousTime = time;
    return { time, before: state.beforeTime, number: ++state.previousNumber, bytes: 0 };
  };

  return {
    push(stream, bytes) {
      const state = states[stream];
      const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      const wanted: Uint8Array[] = [];
      for (let at = 0; at < piece.length;) {
        let prefix: Buffer = Buffer.alloc(0);
        if (!state.current) {
          const end = piece.indexOf(space, at);
          const stop = end < 0 ? piece.length : end + 1;
          state.head = Buffer.concat([state.head, piece.subarray(at, stop)]);
          at = stop;
          // Without a space so far the time is not whole; a server that sends none is not held back for ever.
          if (end < 0 && state.head.length <= longestTime) break;
          state.current = beginLine(state, state.head);
          if (timestamps) prefix = state.head;
          state.head = Buffer.alloc(0);
        }
        const end = piece.indexOf(newline, at);
        const stop = end < 0 ? piece.length : end + 1;
        if (stop > at) wanted.push(...take(state, state.current, piece.subarray(at, stop), prefix));
        else if (prefix.length > 0) wanted.push(prefix);
        at = stop;
        if (end >= 0) state.current = undefined;
      }
      return wanted;
    },
    restart() {
      let first: string | undefined;
      for (const stream of ['stdout', 'stderr'] as const) {
        const { printed } = states[stream];
        const isCounted = !tailed || printed?.before !== '';
        states[stream] = begin(printed && !isCounted ? { ...printed, number: Infinity } : printed);
        if (!printed) continue;
        const wanted = printed.before || (tailed ? printed.time : '');
        if (first === undefined || wanted < first) first = wanted;
      }
      return first ? toSeconds(first) : since;
    },
  };
}

/** A little before the time, as the API takes it: the engine compares with a fraction of milliseconds. */
function toSeconds(time: string): string {
  const decimals = /\.(\d{1,9})/.exec(time)?.[1] ?? '';
  const seconds = BigInt(Math.floor(Date.parse(time) / 1000));
  const ns = seconds * 1_000_000_000n + BigInt(decimals.padEnd(9, '0')) - 1000n;
  return `${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, '0')}`;
}
