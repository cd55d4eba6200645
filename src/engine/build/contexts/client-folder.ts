/** A file of a client's folder, as the client describes it. */
export interface FolderEntry {
  /** One character a byte, without a slash in front. */
  path: string;
  type: 'file' | 'directory' | 'symlink';
  mode: number;
  /** Of a file; of others zero. */
  size: number;
  mtime: { sec: number; nsec: number };
  /** Of a symlink. */
  linkName: string;
  /** What only this content of this file has on the client's machine; empty when the client cannot say. */
  facts: string;
}

/** What follows in the contents of a file: bytes, or its end. */
export type FolderPiece = { kind: 'bytes'; bytes: Buffer } | { kind: 'end'; isAsListed: boolean };

/** A folder on a client's disk. Files are named by their place in the list. Each of the three fails as the client, or the connection to it, fails. */
export interface ClientFolder {
  readonly kind: 'folder';
  /** Which machine it is on: facts of two machines say nothing about each other. */
  readonly machine: string;
  /** Parents come first. To be read to its end before anything else is asked. */
  list(): AsyncIterable<readonly FolderEntry[]>;
  /** SHA-256 of these files in this order, in hexadecimal; as the client says. */
  digests(files: readonly number[]): AsyncIterable<{ digest: string; isAsListed: boolean }>;
  /** The contents of these files in this order: exactly as many bytes as their entries say, then an end. */
  contents(files: readonly number[]): AsyncIterable<FolderPiece>;
}
