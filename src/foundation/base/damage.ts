/** Something that is not as it should be, found by looking. */
export interface Damage {
  /** `orphan-layer`, `missing-layer`, `damaged-record`… */
  kind: string;
  subject: string;
  message: string;
  /** Absent when only its user can mend it; the message says how. A text that it resolves to says what was done. */
  repair?: () => Promise<unknown>;
}

/** Puts a file or folder where nobody uses it and nobody loses it; resolves to its place. */
export type MoveAside = (path: string) => Promise<string>;
