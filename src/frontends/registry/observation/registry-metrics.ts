import type { Registry } from '../../../engine/registry/registry.ts';
import { createMetricsText, formatLabels } from '../../../foundation/wire/metrics-text.ts';
import type { RequestRecord } from '../access.ts';

/** Counters of one server, in Prometheus' words. */
export interface RegistryMetrics {
  observe(record: RequestRecord): void;
  refusedLogin(): void;
  text(): Promise<string>;
}

export interface RegistryMetricsOptions {
  registry: Pick<Registry, 'lists' | 'upkeep'>;
  /** What the pull-through cache did, by kind (`manifest`, `blob`) and result (`hit`, `miss`, `stale`). */
  cache?: () => readonly { kind: string; result: string; count: number }[];
  fetchedBytes?: () => number;
  uploadsUnderWay?: () => number;
  now?: () => number;
}

const boundsSeconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];
/** Sizes of repositories are counted at most this often, and of so many: a scrape must stay cheap. */
const usageEveryMs = 60_000;
const shownRepositories = 1000;
const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

interface Timing {
  buckets: number[];
  count: number;
  sumSeconds: number;
}

type Usage = { repository: string; blobs: number; sizeBytes: number }[];

export function createRegistryMetrics(options: RegistryMetricsOptions): RegistryMetrics {
  const { now = Date.now } = options;
  const requests = new Map<string, number>();
  const timings = new Map<string, Timing>();
  let receivedBytes = 0;
  let sentBytes = 0;
  let refusedLogins = 0;
  let usage: { atMs: number; rows: Promise<Usage> } | undefined;
  const usageNow = (): Promise<Usage> => {
    if (usage === undefined || now() - usage.atMs > usageEveryMs)
      usage = { atMs: now(), rows: countUsage(options.registry).catch(() => []) };
    return usage.rows;
  };
  return {
    refusedLogin: () => void refusedLogins++,
    observe(record) {
      receivedBytes += record.bytesIn;
      sentBytes += record.bytesOut;
      const method = knownMethods.has(record.method) ? record.method : 'other';
      const labels = formatLabels({ method, route: record.route ?? 'none', status: String(record.status) });
      requests.set(labels, (requests.get(labels) ?? 0) + 1);
      observe(timings, record);
    },
    async text() {
      const rows = await usageNow();
      const out = createMetricsText();
      out.family('silo_registry_requests_total', 'counter', 'Requests by route and status');
      for (const [labels, count] of requests) out.sample(count, labels);
      out.family('silo_registry_received_bytes_total', 'counter', 'Bytes of bodies that clients sent');
      out.sample(receivedBytes);
      out.family('silo_registry_sent_bytes_total', 'counter', 'Bytes of bodies that clients got');
      out.sample(sentBytes);
      out.family('silo_registry_logins_refused_total', 'counter', 'Passwords and tokens that proved nothing');
      out.sample(refusedLogins);
      out.family(
        'silo_registry_uploads_under_way',
        'gauge',
        'Uploads that are neither finished nor given up',
      );
      out.sample(options.uploadsUnderWay?.());
      out.family(
        'silo_registry_cache_requests_total',
        'counter',
        'Look-ups in the cache of another registry',
      );
      for (const { kind, result, count } of options.cache?.() ?? [])
        out.sample(count, formatLabels({ kind, result }));
      out.family('silo_registry_cache_fetched_bytes_total', 'counter', 'Bytes from the other registry');
      out.sample(options.fetchedBytes?.());
      out.family(
        'silo_registry_repository_bytes',
        'gauge',
        'Stored bytes by repository, shared ones in each',
      );
      for (const row of rows) out.sample(row.sizeBytes, formatLabels({ repository: row.repository }));
      out.family('silo_registry_repository_blobs', 'gauge', 'Stored blobs by repository');
      for (const row of rows) out.sample(row.blobs, formatLabels({ repository: row.repository }));
      writeTimings(out, timings);
      return out.text();
    },
  };
}

function observe(timings: Map<string, Timing>, { route = 'none', milliseconds }: RequestRecord): void {
  const seconds = milliseconds / 1000;
  const timing = timings.get(route) ?? { buckets: boundsSeconds.map(() => 0), count: 0, sumSeconds: 0 };
  timings.set(route, timing);
  timing.count++;
  timing.sumSeconds += seconds;
  for (const [index, bound] of boundsSeconds.entries())
    if (seconds <= bound) timing.buckets[index] = (timing.buckets[index] ?? 0) + 1;
}

function writeTimings(out: ReturnType<typeof createMetricsText>, timings: ReadonlyMap<string, Timing>): void {
  out.family(
    'silo_registry_request_duration_seconds',
    'histogram',
    'Time until the end of the answer, by route',
  );
  for (const [route, { buckets, count, sumSeconds }] of timings) {
    const labels = formatLabels({ route });
    for (const [index, bound] of boundsSeconds.entries())
      out.sample(buckets[index], `${labels},le="${bound}"`, '_bucket');
    out.sample(count, `${labels},le="+Inf"`, '_bucket');
    out.sample(sumSeconds, labels, '_sum');
    out.sample(count, labels, '_count');
  }
}

async function countUsage({ lists, upkeep }: Pick<Registry, 'lists' | 'upkeep'>): Promise<Usage> {
  const { items } = await lists.repositories({ limit: shownRepositories });
  const rows: Usage = [];
  for (const repository of items.slice(0, shownRepositories)) {
    // One that is deleted meanwhile is no reason to show none.
    const counted = await upkeep.usage(repository).catch(() => undefined);
    if (counted !== undefined) rows.push({ repository, ...counted });
  }
  return rows;
}
