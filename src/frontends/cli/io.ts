import type { Readable, Writable } from 'node:stream';

export type CliInput = Readable & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };
export type CliOutput = Writable & { isTTY?: boolean; columns?: number; rows?: number };

/** What a command sees of its process. */
export interface CliIo {
  readonly stdin: CliInput;
  readonly stdout: CliOutput;
  readonly stderr: CliOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Calls the listener at each arrival of the signal, instead of what it would do by default. */
  onSignal(name: NodeJS.Signals, listener: (name: NodeJS.Signals) => void): Disposable;
  /** Lets the terminal print a container's output as it comes, until disposed. */
  passOutputThrough?(): Promise<Disposable>;
  /** The exit code when nobody reads standard output any more: 0 unless said, for the rest of a listing is of no use then. */
  setUnreadCode?(code: number): void;
  now(): number;
}
