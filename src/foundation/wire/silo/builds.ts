/** Answers of `GET /silo/builds` and `GET /silo/builds/{id}`; times are RFC 3339. */
export interface BuildRecordJson {
  ID: string;
  Status: 'running' | 'done' | 'failed' | 'canceled' | 'lost';
  StartedAt: string;
  /** Empty while it runs, and of one that is lost. */
  EndedAt: string;
  DurationMs: number;
  Dockerfile: string;
  Target: string;
  Platform: string;
  Tags: string[];
  /** Names of build arguments. */
  Arguments: string[];
  Steps: { Total: number; Done: number; Cached: number };
  /** Of the image; empty when there is none. */
  Image: string;
  Digest: string;
  Error?: { Message: string; Step?: string; Line?: number };
}

/** An entry of `BuildCache` in `system/df`. */
export interface BuildCacheJson {
  ID: string;
  Parents: string[] | null;
  Type: 'regular' | 'source.local' | 'exec.cachemount';
  Description: string;
  InUse: boolean;
  Shared: boolean;
  Size: number;
  CreatedAt: string;
  LastUsedAt: string | null;
  UsageCount: number;
}
