import { formatLabels, type MetricsText } from '../../../foundation/wire/metrics-text.ts';

/** How long requests took until the head of their answer, by route: a stream lasts as long as its client likes. */
export interface RequestMetrics {
  observe(route: { method: string; path: string }, status: number, durationMs: number): void;
  write(out: MetricsText): void;
}

const boundsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

interface Histogram {
  labels: string;
  /** One for each bound, not summed up. */
  buckets: number[];
  count: number;
  sumSeconds: number;
}

/** Routes are those that we serve, whatever the path of a request: the number of lines is bounded. */
export function createRequestMetrics(): RequestMetrics {
  const histograms = new Map<string, Histogram>();
  const answers = new Map<string, number>();
  return {
    observe({ method, path }, status, durationMs) {
      const key = `${method} ${path}`;
      let histogram = histograms.get(key);
      if (!histogram) {
        const buckets = boundsSeconds.map(() => 0);
        histogram = { labels: formatLabels({ method, route: path }), buckets, count: 0, sumSeconds: 0 };
        histograms.set(key, histogram);
      }
      const seconds = durationMs / 1000;
      const index = boundsSeconds.findIndex((bound) => seconds <= bound);
      if (index >= 0) histogram.buckets[index] = (histogram.buckets[index] ?? 0) + 1;
      histogram.count++;
      histogram.sumSeconds += seconds;
      const code = formatLabels({ code: `${Math.floor(status / 100)}xx` });
      answers.set(code, (answers.get(code) ?? 0) + 1);
    },
    write(out) {
      out.family('silo_http_answers_total', 'counter', 'Answers by class of status');
      for (const [labels, count] of answers) out.sample(count, labels);
      out.family(
        'silo_http_request_duration_seconds',
        'histogram',
        'Time until the head of the answer, by route',
      );
      for (const { labels, buckets, count, sumSeconds } of histograms.values()) {
        let sum = 0;
        for (const [index, bound] of boundsSeconds.entries()) {
          sum += buckets[index] ?? 0;
          out.sample(sum, `${labels},le="${bound}"`, '_bucket');
        }
        out.sample(count, `${labels},le="+Inf"`, '_bucket');
        out.sample(sumSeconds, labels, '_sum');
        out.sample(count, labels, '_count');
      }
    },
  };
}
