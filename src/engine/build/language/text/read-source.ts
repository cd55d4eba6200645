import { faultAt } from './fault.ts';
import { sourceLimits } from './limits.ts';
import type { SourceLimits } from './limits.ts';
import type { Source, SourceLine } from './source.ts';

/** Decodes a file. A byte-order mark is dropped; line ends of Windows are kept apart from the text. Kind `invalid` when it is too large. */
export function readSource(name: string, bytes: Uint8Array, limits: SourceLimits = sourceLimits): Source {
  const start = { line: 1, column: 1, length: 0, endLine: 1 };
  const empty: Source = { name, lines: [], unusable: new Map() };
  if (bytes.length > limits.bytes)
    throw faultAt(empty, start, {
      code: 'dockerfile-too-large',
      message: `the file has ${bytes.length} bytes, more than ${limits.bytes}`,
      hint: 'put long scripts into files of the build context',
    });
  // `fatal: false` replaces what is not UTF-8 by U+FFFD; which lines that hit is found line by line only when it happened at all.
  const text = new TextDecoder('utf-8', { ignoreBOM: false }).decode(bytes);
  const lines = splitLines(text);
  if (lines.length > limits.lines)
    throw faultAt(empty, start, {
      code: 'dockerfile-too-large',
      message: `the file has ${lines.length} lines, more than ${limits.lines}`,
    });
  return { name, lines, unusable: findUnusable(bytes, text, lines) };
}

function splitLines(text: string): SourceLine[] {
  const lines: SourceLine[] = [];
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const stop = newline < 0 ? text.length : newline;
    const crlf = stop > at && text.charCodeAt(stop - 1) === 13;
    const end = newline < 0 ? '' : '\n';
    lines.push({ text: text.slice(at, crlf ? stop - 1 : stop), end: crlf ? `\r${end}` : end });
    at = stop + 1;
  }
  return lines;
}

function findUnusable(bytes: Uint8Array, text: string, lines: readonly SourceLine[]): Map<number, string> {
  const found = new Map<number, string>();
  if (text.includes('\0'))
    for (const [index, line] of lines.entries())
      if (line.text.includes('\0')) found.set(index + 1, 'a NUL character');
  if (!text.includes('\ufffd')) return found;
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let at = 0;
  for (let line = 1; at < bytes.length; line++) {
    const newline = bytes.indexOf(10, at);
    const stop = newline < 0 ? bytes.length : newline;
    try {
      decoder.decode(bytes.subarray(at, stop));
    } catch {
      found.set(line, 'bytes that are not UTF-8');
    }
    at = stop + 1;
  }
  return found;
}
