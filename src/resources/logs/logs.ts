/** Reads the log that the monitor writes (conmon's `k8s-file`: time, stream, P or F, text), whether or not it is still being written. */
export interface ContainerLogs {
  /**
   * Batches in order. With `follow` it waits for more (by file notification, never polling) until `ended` resolves and everything was
   * delivered, or the signal aborts. Kind `not-found` when there is no log. Without `follow` it ends where the log ended at the call.
   */
  read(path: string, options: ReadLogs): AsyncIterable<LogEntry[]>;
  /** The same without an object per entry, for callers that copy the text into frames of their own. */
  readBlocks(path: string, options: ReadLogs): AsyncIterable<LogBlock>;
}

export interface ReadLogs {
  stdout: boolean;
  stderr: boolean;
  /** Only the last so many lines of those selected; undefined = all. */
  tail?: number;
  /** May have a fraction. Entries of this moment are included. */
  sinceMs?: number;
  /** Reading ends at the first entry after it, also with `follow`. */
  untilMs?: number;
  /** Only what follows this place; everything when it is no longer there. Not together with `tail` and `sinceMs`. */
  from?: LogPosition;
  /** Blocks say where they end. */
  positions?: boolean;
  follow?: { ended: Promise<unknown> };
  signal?: AbortSignal;
}

export interface LogEntry {
  stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds; `Z` when the monitor wrote UTC. */
  time: string;
  /** Bytes as the program wrote them, with the newline when it wrote one. */
  text: Uint8Array;
}

/**
 * Entries as places in one piece of the file. Entry `i` has five numbers from `index[i * 5]` on: stream (1 stdout, 2 stderr),
 * start and end of the time, start and end of the text. The text of a whole line ends with its newline.
 */
export interface LogBlock {
  bytes: Buffer;
  index: Uint32Array;
  count: number;
  /** Where reading goes on behind it. */
  next?: LogPosition;
}

/** A place in a log that outlives rotation, compression and the engine. */
export interface LogPosition {
  /** Of the file, and the time of its first entry: an inode may be used again. */
  inode: number;
  firstTime: string;
  position: number;
}

/** Numbers per entry in `LogBlock.index`. */
export const entryWidth = 5;

/** Keeps full segments of logs that are being written, within limits. */
export interface LogKeeper extends AsyncDisposable {
  /**
   * Call before the monitor opens the file; makes it. `renew` asks the monitor to replace the file by a new one. Dispose when the
   * monitor has ended: a file that is full by then is replaced too.
   */
  keep(path: string, limits: LogLimits, renew: () => void): Disposable;
  /** Resolves when nothing works on the log any more: its folder can be removed. */
  release(path: string): Promise<void>;
}

export interface LogLimits {
  /** At which the file that is being written is replaced. */
  fileBytes: number;
  /** At which the monitor replaces it without being asked: nobody has kept up, or the engine is dead. */
  monitorBytes: number;
  /** That file and the full ones beside it. */
  files: number;
  compress: boolean;
}
