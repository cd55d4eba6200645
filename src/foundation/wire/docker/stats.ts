/**
 * One line of `GET /containers/{id}/stats`. Numbers are unsigned 64-bit integers: those beyond 2^53 are `bigint` when written (`formatStats` of the
 * API) and rounded when read.
 */
export interface StatsJson {
  /** With a leading slash. */
  name: string;
  id: string;
  read: string;
  preread: string;
  pids_stats: { current?: number; limit?: number | bigint };
  blkio_stats: BlockStatsJson;
  /** Windows only. */
  num_procs: 0;
  /** Windows only. */
  storage_stats: Record<string, never>;
  cpu_stats: CpuStatsJson;
  /** Of the sample before; zeros in the first one. */
  precpu_stats: CpuStatsJson;
  memory_stats: {
    usage?: number;
    /** Version 1 of control groups only. */
    max_usage?: number;
    stats?: Record<string, number | bigint>;
    failcnt?: number;
    limit?: number;
  };
  networks?: Record<string, NetworkStatsJson>;
  /** Of Silo, not of Docker: pressure stall totals in microseconds. */
  pressure_stats?: Record<'cpu' | 'memory' | 'io', { some_us: number; full_us: number }>;
}

export interface BlockStatEntryJson {
  major: number;
  minor: number;
  op: string;
  value: number;
}

export interface BlockStatsJson {
  io_service_bytes_recursive: BlockStatEntryJson[] | null;
  io_serviced_recursive: BlockStatEntryJson[] | null;
  io_queue_recursive: BlockStatEntryJson[] | null;
  io_service_time_recursive: BlockStatEntryJson[] | null;
  io_wait_time_recursive: BlockStatEntryJson[] | null;
  io_merged_recursive: BlockStatEntryJson[] | null;
  io_time_recursive: BlockStatEntryJson[] | null;
  sectors_recursive: BlockStatEntryJson[] | null;
}

export interface CpuStatsJson {
  cpu_usage: {
    total_usage: number;
    percpu_usage?: number[];
    usage_in_kernelmode: number;
    usage_in_usermode: number;
  };
  system_cpu_usage?: number;
  online_cpus?: number;
  throttling_data: { periods: number; throttled_periods: number; throttled_time: number };
}

export interface NetworkStatsJson {
  rx_bytes: number;
  rx_packets: number;
  rx_errors: number;
  rx_dropped: number;
  tx_bytes: number;
  tx_packets: number;
  tx_errors: number;
  tx_dropped: number;
}
