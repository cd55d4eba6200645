export interface SourceLine {
  /** Without its line end. */
  text: string;
  /** `\n`, `\r\n`, or nothing at the end of the file. */
  end: string;
}

/** A Dockerfile's text in lines; nothing is interpreted yet. */
export interface Source {
  /** As messages name it. */
  name: string;
  lines: readonly SourceLine[];
  /** Lines that no instruction may use, and why: bytes that are not UTF-8, NUL. Comments may hold anything. */
  unusable: ReadonlyMap<number, string>;
}
