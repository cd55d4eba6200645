import type { Engine } from '../../../../engine/host/engine.ts';
import { answered, type Route } from '../../call.ts';
import { writeContainerMetrics } from '../../metrics/container-metrics.ts';
import { type EventCounts, writeEngineMetrics, writeProcessMetrics } from '../../metrics/engine-metrics.ts';
import type { RequestMetrics } from '../../metrics/request-metrics.ts';
import { createMetricsText, metricsType } from '../../../../foundation/wire/metrics-text.ts';
import type { BuildVersion } from '../../translate/system-json.ts';

export type MetricsEngine = {
  containers: Pick<Engine['containers'], 'list'>;
  images: Pick<Engine['images'], 'list'>;
  stats: Pick<Engine['stats'], 'sampleAll'>;
  host: Engine['host'];
};

/** For Prometheus. Nothing is measured between scrapes but the counts of requests and events. */
export function showMetrics(
  engine: MetricsEngine,
  own: { build: BuildVersion; requests: RequestMetrics; events: EventCounts },
): Route {
  return {
    method: 'GET',
    path: '/metrics',
    async handle({ exchange }) {
      const samples = await engine.stats.sampleAll();
      const containers = engine.containers.list();
      const out = createMetricsText();
      const { host } = engine;
      writeEngineMetrics(out, { host, build: own.build, containers, images: engine.images.list().length });
      writeProcessMetrics(out, host.startedAtMs);
      own.events.write(out);
      own.requests.write(out);
      writeContainerMetrics(out, containers, samples);
      exchange.send(200, { type: metricsType, data: out.text() });
      return answered;
    },
  };
}
