export interface CallOptions {
  signal?: AbortSignal | undefined;
}

/** Docker's filters: `{ status: ['exited'] }`. */
export type Filters = Record<string, readonly string[]>;
