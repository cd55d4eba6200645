import { expect, test } from 'bun:test';
import type { StatsSample } from '../../../engine/container/stats/stats.ts';
import { engineDouble } from '../testing/engine-double.ts';
import { sampleContainer, sampleImage } from '../testing/sample-records.ts';
import { serveApi } from '../testing/serve.ts';
import { maximumContainers, writeContainerMetrics } from './container-metrics.ts';
import { countEvents } from './engine-metrics.ts';
import { createRequestMetrics } from './request-metrics.ts';
import { createMetricsText, formatLabels } from '../../../foundation/wire/metrics-text.ts';

const totals = { someUs: 1_500_000, fullUs: 0 };
const link = {
  receivedBytes: 5,
  receivedPackets: 1,
  receivedErrors: 0,
  receivedDropped: 0,
  sentBytes: 7,
  sentPackets: 1,
  sentErrors: 0,
  sentDropped: 0,
};
const sample: StatsSample = {
  version: 2,
  atMs: 0,
  host: { cpuNs: 1, cpus: 1, memoryBytes: 1 },
  cpu: {
    totalNs: 2_500_000_000,
    userNs: 0,
    systemNs: 0,
    throttling: { periods: 0, throttledPeriods: 0, throttledNs: 0 },
  },
  memory: { usageBytes: 4096, workingBytes: 2048, failures: 0, oomKills: 1, detail: {} },
  blocks: [{ major: 8, minor: 0, operation: 'write', bytes: 512, count: 2 }],
  pids: { current: 3 },
  networks: { eth0: link },
  pressure: { cpu: totals, memory: totals, io: totals },
};
const running = sampleContainer({
  name: 'web',
  imageName: 'a"b\\c\nd',
  state: { status: 'running', pid: 1, startedAtMs: 1_700_000_000_000 },
  restartCount: 2,
  health: { status: 'unhealthy', failingStreak: 1, log: [] },
});

/** The grammar of the text format: each line is a comment or a sample, each family is announced once and stays together. */
function checkGrammar(text: string): void {
  expect(text.endsWith('\n')).toBe(true);
  const families = new Set<string>();
  let family = '';
  for (const line of text.trimEnd().split('\n')) {
    const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line);
    if (type) {
      family = type[1] ?? '';
      expect(families.has(family)).toBe(false);
      families.add(family);
    } else if (!line.startsWith('# HELP ')) {
      expect(line).toMatch(/^\w+(\{(\w+="([^"\\\n]|\\["\\n])*",?)*\})? -?[\d.e+-]+$/);
      expect(line.startsWith(family)).toBe(true);
    }
  }
}

test('labels are escaped and bounded', () => {
  expect(formatLabels({ a: 'x"y\\z\nw' })).toBe('a="x\\"y\\\\z\\nw"');
  expect(formatLabels({ a: 'x'.repeat(1000) })).toHaveLength(256 + 4);
});

test('a scrape shows containers under common names, and the state of those that do not run', () => {
  const stopped = sampleContainer({
    id: 'ef'.repeat(32) as typeof running.id,
    name: 'old',
    state: { status: 'exited', finishedAtMs: 1, exitCode: 137, oomKilled: true, stoppedByUser: false },
  });
  const out = createMetricsText();
  writeContainerMetrics(out, [stopped, running], new Map([[running.id, sample]]));
  const text = out.text();
  checkGrammar(text);
  const labels = `id="${running.id}",name="web",image="a\\"b\\\\c\\nd"`;
  expect(text).toContain(`container_cpu_usage_seconds_total{${labels}} 2.5\n`);
  expect(text).toContain(`container_memory_working_set_bytes{${labels}} 2048\n`);
  expect(text).toContain(`container_oom_events_total{${labels}} 1\n`);
  expect(text).toContain(`container_network_receive_bytes_total{${labels},interface="eth0"} 5\n`);
  expect(text).toContain(`container_fs_writes_bytes_total{${labels},device="8:0"} 512\n`);
  expect(text).toContain(`container_pressure_io_waiting_seconds_total{${labels}} 1.5\n`);
  expect(text).toContain(`silo_container_restarts_total{${labels}} 2\n`);
  expect(text).toContain(`silo_container_health{${labels},health="unhealthy"} 1\n`);
  expect(text).toContain(`silo_container_state{${labels},state="running"} 1\n`);
  expect(text).toMatch(/silo_container_exit_code\{[^}]*name="old"[^}]*\} 137\n/);
  expect(text).not.toMatch(/container_cpu_usage_seconds_total\{[^}]*name="old"/);
});

test('the number of containers, interfaces and devices of one scrape is bounded', () => {
  const many = Array.from({ length: maximumContainers + 50 }, (_, index) =>
    sampleContainer({ id: index.toString(16).padStart(64, '0') as typeof running.id, name: `c${index}` }),
  );
  const wild: StatsSample = {
    ...sample,
    networks: Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`e${index}`, link])),
    blocks: Array.from({ length: 99 }, (_, minor) => ({
      major: 7,
      minor,
      operation: 'write',
      bytes: 1,
      count: 1,
    })),
  };
  const out = createMetricsText();
  writeContainerMetrics(out, [...many, running], new Map([[running.id, wild]]));
  const text = out.text();
  expect(text).toContain('silo_container_metrics_omitted 51\n');
  expect(text).toContain('name="web"');
  expect(text.match(/^container_network_receive_bytes_total\{/gm)).toHaveLength(32);
  expect(text.match(/^container_fs_writes_bytes_total\{/gm)).toHaveLength(32);
});

test('durations are counted in sums of buckets, by the route and not by the path', () => {
  const requests = createRequestMetrics();
  const route = { method: 'GET', path: '/containers/{id}/json' };
  for (const ms of [0.5, 0.9, 40, 60_000]) requests.observe(route, 200, ms);
  requests.observe({ method: 'GET', path: '/_ping' }, 404, 1);
  const out = createMetricsText();
  requests.write(out);
  const text = out.text();
  checkGrammar(text);
  const labels = 'method="GET",route="/containers/{id}/json"';
  const bucket = (bound: string): string =>
    new RegExp(
      `_bucket\\{${labels.replace(/[{}/]/g, '\\$&')},le="${bound.replace('+', '\\+')}"\\} (\\d+)`,
    ).exec(text)?.[1] ?? '';
  expect(['0.001', '0.025', '0.05', '30', '+Inf'].map(bucket)).toEqual(['2', '2', '3', '3', '4']);
  expect(text).toContain(`silo_http_request_duration_seconds_count{${labels}} 4\n`);
  expect(text).toContain('silo_http_answers_total{code="4xx"} 1\n');
});

test('GET /metrics answers the text format, and counts requests and events', async () => {
  const engine = engineDouble(
    { stats: { sampleAll: async () => new Map([[running.id, sample]]) } },
    { containers: [running], images: [sampleImage()] },
  );
  await using api = await serveApi(engine);
  await api.call('GET', '/v1.51/containers/web/json');
  engine.events.publish({ type: 'container', action: 'exec_start: sh -c id', id: 'x', attributes: {} });
  const { status, headers, text } = await api.call('GET', '/metrics');
  expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  checkGrammar(text);
  expect(text).toContain('engine_daemon_container_states_containers{state="running"} 1\n');
  expect(text).toContain('silo_images 1\n');
  expect(text).toContain('silo_events_total{type="container",action="exec_start"} 1\n');
  expect(text).toContain(
    'silo_http_request_duration_seconds_count{method="GET",route="/containers/{id}/json"} 1\n',
  );
  expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
  expect(text).toMatch(/^process_open_fds [1-9]\d*$/m);
});

test('kinds of events are bounded', () => {
  const { events } = engineDouble();
  using counts = countEvents(events);
  for (let index = 0; index < 1000; index++)
    events.publish({ type: 'container', action: `odd${index}`, id: 'x', attributes: {} });
  const out = createMetricsText();
  counts.write(out);
  expect(out.text()).toContain('engine_daemon_events_total 1000\n');
  expect(out.text().match(/^silo_events_total\{/gm)).toHaveLength(200);
});
