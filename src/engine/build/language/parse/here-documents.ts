import type { HereDocument } from '../instruction.ts';
import { faultAt } from '../text/fault.ts';
import { sourceLimits } from '../text/limits.ts';
import type { LineReader } from '../text/line-reader.ts';
import { wordIn } from '../text/logical-line.ts';
import type { LogicalLine } from '../text/logical-line.ts';
import type { Source } from '../text/source.ts';
import { splitQuoted, unquote } from '../words/split.ts';

/**
 * Reads the here-documents that the words of a line open: `<<EOF`, `<<-EOF`, `<<"EOF"`, with a file descriptor's number before. A word
 * opens one only as a whole, so neither `a<<b` nor anything inside of quotes does.
 */
export function readHereDocuments(
  { source, line, escape }: { source: Source; line: LogicalLine; escape: string },
  start: number,
  reader: LineReader,
): HereDocument[] {
  if (!line.text.includes('<<', start)) return [];
  const found: HereDocument[] = [];
  for (const slice of splitQuoted(line.text, escape, start)) {
    const opening = wordIn(line, slice.start, slice.end);
    const match = /^\d*<<(-?)([^<]+)$/.exec(opening.text);
    const quoted = match?.[2] ?? '';
    const name = unquote(quoted, escape);
    if (name === '' || !isBalanced(quoted)) continue;
    if (found.length >= sourceLimits.hereDocuments)
      throw faultAt(source, opening.span, {
        code: 'too-many-here-documents',
        message: `more than ${sourceLimits.hereDocuments} here-documents in one instruction`,
      });
    const chomp = match?.[1] === '-';
    const body = reader.hereDocument(name, chomp);
    if (body === undefined)
      throw faultAt(source, opening.span, {
        code: 'unterminated-here-document',
        message: `unterminated heredoc: no line holds ${JSON.stringify(name)} alone`,
        hint: chomp
          ? `end it with the line ${name}; only tabs may stand before it`
          : `end it with the line ${name}; nothing may stand before or behind it`,
      });
    found.push({ opening, name, expand: !/["']/.test(quoted), chomp, ...body });
  }
  return found;
}

const isBalanced = (text: string): boolean => /^(?:[^"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')*$/s.test(text);
