/** Where something stands in a Dockerfile: 1-based, in UTF-16 units. `length` counts on the first line only; `endLine` is where it ends. */
export interface Span {
  line: number;
  column: number;
  length: number;
  endLine: number;
}

/** A piece of the file as it was written: neither expanded nor unquoted. */
export interface Word {
  text: string;
  span: Span;
}

/** From the start of one to the end of the other. */
export const spanAcross = (first: Span, last: Span): Span => ({
  line: first.line,
  column: first.column,
  length:
    first.line === last.line
      ? Math.max(first.length, last.column + last.length - first.column)
      : first.length,
  endLine: Math.max(first.endLine, last.endLine),
});
