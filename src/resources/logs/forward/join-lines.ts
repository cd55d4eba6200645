import type { LogEntry } from '../logs.ts';

type Stream = LogEntry['stream'];
/** Beginnings of lines whose rest is not there yet. */
export type OpenLines = Partial<Record<Stream, { time: string; text: Uint8Array }>>;

/** Docker cuts lines for its drivers at so many bytes. */
const longestBytes = 16 * 1024;
const newline = 0x0a;

/** Puts the parts of lines together, with the time of the first; parts beyond 16 KiB are entries of their own. */
export function joinLines(
  entries: readonly LogEntry[],
  open: OpenLines,
): { lines: LogEntry[]; open: OpenLines } {
  const rest: OpenLines = { ...open };
  const lines: LogEntry[] = [];
  for (const entry of entries) {
    const { stream, text } = entry;
    const begun = rest[stream];
    const whole = begun ? { stream, time: begun.time, text: Buffer.concat([begun.text, text]) } : entry;
    if (text.at(-1) === newline || whole.text.length >= longestBytes) {
      lines.push(whole);
      delete rest[stream];
    } else rest[stream] = { time: whole.time, text: whole.text };
  }
  return { lines, open: rest };
}

/** A piece of a line that was too long for one message, and more of it follows. */
export function isPartOfLine({ text }: LogEntry): boolean {
  return text.length >= longestBytes && text.at(-1) !== newline;
}

/** Lines that will get no end. */
export function closeLines(open: OpenLines): LogEntry[] {
  return (['stdout', 'stderr'] as const).flatMap((stream) => {
    const line = open[stream];
    return line ? [{ stream, ...line }] : [];
  });
}
