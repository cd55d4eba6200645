import { faultAt } from './fault.ts';
import type { LogicalLine } from './logical-line.ts';
import type { Source } from './source.ts';

export interface Comment {
  line: number;
  /** Behind the `#`, trimmed. */
  text: string;
}

export interface LineReader {
  /** The next instruction's line; undefined at the end of the file. */
  next(): { line: LogicalLine; comments: Comment[] } | undefined;
  /** The lines of a here-document up to its terminator, which is consumed; undefined when the file ends before. */
  hereDocument(terminator: string, chomp: boolean): { content: string; firstLine: number } | undefined;
  /** The last line that was read. */
  lastLine(): number;
}

/**
 * Reads instructions line by line: comments and empty lines are dropped, also between continuation lines, and continuation lines are
 * joined without their escape character. Whoever sees an instruction with here-documents asks for their lines before the next one.
 */
export function createLineReader(source: Source, escape: string, firstLine: number): LineReader {
  let at = firstLine - 1;

  const usable = (index: number): string => {
    const why = source.unusable.get(index + 1);
    const text = source.lines[index]?.text ?? '';
    if (why !== undefined)
      throw faultAt(
        source,
        { line: index + 1, column: 1, length: text.length, endLine: index + 1 },
        {
          code: 'invalid-text',
          message: `the line holds ${why}`,
          hint: 'save the file as UTF-8',
        },
      );
    return text;
  };

  return {
    next() {
      let comments: Comment[] = [];
      for (; at < source.lines.length; at++) {
        const text = source.lines[at]?.text ?? '';
        const comment = commentOf(text);
        if (comment !== undefined) comments.push({ line: at + 1, text: comment });
        else if (text.trim() === '') comments = [];
        else break;
      }
      if (at >= source.lines.length) return undefined;
      const parts: string[] = [];
      const pieces: { at: number; line: number; column: number }[] = [];
      const emptyLines: number[] = [];
      const first = at + 1;
      let length = 0;
      for (let more = true; more && at < source.lines.length; at++) {
        const raw = source.lines[at]?.text ?? '';
        if (parts.length > 0 && commentOf(raw) !== undefined) continue;
        if (parts.length > 0 && raw.trim() === '') {
          emptyLines.push(at + 1);
          continue;
        }
        const text = usable(at);
        const indent = parts.length > 0 ? 0 : text.length - text.trimStart().length;
        const stop = continuationAt(text, escape);
        const part = text.slice(indent, stop ?? text.length);
        pieces.push({ at: length, line: at + 1, column: indent + 1 });
        parts.push(part);
        length += part.length;
        more = stop !== undefined;
      }
      const last = pieces.at(-1)?.line ?? first;
      return {
        line: { text: parts.join('').trimEnd(), pieces, firstLine: first, lastLine: last, emptyLines },
        comments,
      };
    },
    hereDocument(terminator, chomp) {
      const parts: string[] = [];
      const first = at + 1;
      for (; at < source.lines.length;) {
        const text = usable(at);
        const end = source.lines[at]?.end ?? '';
        at++;
        const shown = chomp ? text.replace(/^\t+/, '') : text;
        if (shown === terminator) return { content: parts.join(''), firstLine: first };
        parts.push(shown + end);
      }
      return undefined;
    },
    lastLine: () => at,
  };
}

function commentOf(text: string): string | undefined {
  const trimmed = text.trimStart();
  return trimmed.startsWith('#') ? trimmed.slice(1).trim() : undefined;
}

/** Where the escape character that continues the line stands: the last one but for spaces, and not itself escaped. */
function continuationAt(text: string, escape: string): number | undefined {
  let last = text.length - 1;
  while (last >= 0 && (text[last] === ' ' || text[last] === '\t')) last--;
  return last >= 0 && text[last] === escape && text[last - 1] !== escape ? last : undefined;
}
