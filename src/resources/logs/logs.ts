/** Reads the log that the monitor writes (conmon's `k8s-file`: time, stream, P or F, text), whether or not it is still being written. */
export interface ContainerLogs {
  /**
   * Batches in order. With `follow` it waits for more (by file notification, never polling) until `ended` resolves and everything was
   * delivered, or the signal aborts. Kind `not-found` when there is no log.
   */
  read(path: string, options: ReadLogs): AsyncIterable<LogEntry[]>;
}

export interface ReadLogs {
  stdout: boolean;
  stderr: boolean;
  /** Only the last so many lines of those selected; undefined = all. */
  tail?: number;
  sinceMs?: number;
  untilMs?: number;
  follow?: { ended: Promise<unknown> };
  signal?: AbortSignal;
}

export interface LogEntry {
  stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds, as written. */
  time: string;
  /** Bytes as the program wrote them, with the newline when it wrote one. */
  text: Uint8Array;
}
