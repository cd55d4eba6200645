/** What running containers use, from control groups and `/proc` alone. A sample takes milliseconds and no lock. */
export interface ContainerStats {
  /** One sample now; a stopped container gives one without numbers (`undefined`), as Docker gives zeros. */
  sample(nameOrId: string): Promise<StatsSample | undefined>;
}

export interface StatsSample {
  atMs: number;
  cpu: {
    totalNs: number;
    userNs: number;
    systemNs: number;
    /** Of the whole host, for percentages. */
    hostNs: number;
    onlineCpus: number;
    perCpuNs?: number[];
    throttling: { periods: number; throttledPeriods: number; throttledNs: number };
  };
  memory: {
    usageBytes: number;
    /** Without the file cache that can go at once: what `stats` shows. */
    workingBytes: number;
    peakBytes?: number;
    limitBytes: number;
    failures: number;
    /** The kernel's own names and numbers (`memory.stat`). */
    detail: Record<string, number>;
  };
  blocks: { major: number; minor: number; operation: 'read' | 'write'; bytes: number; count: number }[];
  pids: { current: number; limit: number };
  /** By the name of the interface inside; empty without a network namespace of its own. */
  networks: Record<string, NetworkCounters>;
  /** Pressure stall totals in microseconds where the kernel has them. */
  pressure?: Record<'cpu' | 'memory' | 'io', { someUs: number; fullUs: number }>;
}

export interface NetworkCounters {
  receivedBytes: number;
  receivedPackets: number;
  receivedErrors: number;
  receivedDropped: number;
  sentBytes: number;
  sentPackets: number;
  sentErrors: number;
  sentDropped: number;
}
