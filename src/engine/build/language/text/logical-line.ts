import type { Span, Word } from './span.ts';

/** Where a stretch of a logical line was taken from. */
interface Piece {
  /** Offset in the logical line's text. */
  at: number;
  line: number;
  column: number;
}

/** One instruction's text with its continuation lines joined, which still knows where each character stands in the file. */
export interface LogicalLine {
  text: string;
  pieces: readonly Piece[];
  firstLine: number;
  lastLine: number;
  /** Empty lines among the continuation lines. */
  emptyLines: readonly number[];
}

/** Where `text.slice(start, end)` stands. */
export function spanIn(line: LogicalLine, start: number, end: number): Span {
  const first = pieceAt(line, start);
  const last = end > start ? pieceAt(line, end - 1) : first;
  const next = line.pieces[first.index + 1];
  const stop = next === undefined ? end : Math.min(end, next.at);
  return {
    line: first.piece.line,
    column: first.piece.column + start - first.piece.at,
    length: Math.max(0, stop - start),
    endLine: last.piece.line,
  };
}

export const wordIn = (line: LogicalLine, start: number, end: number): Word => ({
  text: line.text.slice(start, end),
  span: spanIn(line, start, end),
});

/** A part of a logical line as a line of its own, so that nested instructions keep their places. */
export function lineFrom(line: LogicalLine, start: number): LogicalLine {
  const { index, piece } = pieceAt(line, start);
  const first = { at: 0, line: piece.line, column: piece.column + start - piece.at };
  const rest = line.pieces.slice(index + 1).map((next) => ({ ...next, at: next.at - start }));
  return { ...line, text: line.text.slice(start), pieces: [first, ...rest] };
}

function pieceAt({ pieces, firstLine }: LogicalLine, offset: number): { index: number; piece: Piece } {
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((pieces[middle]?.at ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { index: low, piece: pieces[low] ?? { at: 0, line: firstLine, column: 1 } };
}
