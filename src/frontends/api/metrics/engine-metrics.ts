import { readdirSync } from 'node:fs';
import type { ContainerRecord } from '../../../engine/container/container.ts';
import type { Events } from '../../../engine/events/events.ts';
import type { HostFacts } from '../../../engine/host/engine.ts';
import type { BuildVersion } from '../translate/system-json.ts';
import { formatLabels, type MetricsText } from '../../../foundation/wire/metrics-text.ts';

/** The engine's own numbers; names that begin with `engine_daemon_` are Docker's. */
export function writeEngineMetrics(
  out: MetricsText,
  facts: { host: HostFacts; build: BuildVersion; containers: readonly ContainerRecord[]; images: number },
): void {
  const { host, build, containers, images } = facts;
  out.family('engine_daemon_engine_info', 'gauge', 'What this engine and its host are');
  out.sample(
    1,
    formatLabels({
      architecture: host.architecture,
      commit: build.gitCommit,
      daemon_id: host.id,
      graphdriver: 'overlay2',
      kernel: host.kernelVersion,
      os: host.operatingSystem,
      os_type: 'linux',
      os_version: host.osVersion,
      version: build.version,
    }),
  );
  out.family('silo_build_info', 'gauge', 'Version of this engine');
  out.sample(1, formatLabels({ version: build.version, commit: build.gitCommit, built: build.buildTime }));
  out.family('engine_daemon_engine_cpus_cpus', 'gauge', 'Processors of the host');
  out.sample(host.cpus);
  out.family('engine_daemon_engine_memory_bytes', 'gauge', 'Memory of the host');
  out.sample(host.memoryBytes);
  const running = containers.filter(({ state }) => state.status === 'running').length;
  const paused = containers.filter(({ state }) => state.status === 'paused').length;
  out.family('engine_daemon_container_states_containers', 'gauge', 'Containers by state');
  out.sample(paused, 'state="paused"');
  out.sample(running, 'state="running"');
  out.sample(containers.length - running - paused, 'state="stopped"');
  out.family('silo_images', 'gauge', 'Images in the store');
  out.sample(images);
}

/** Numbers of the engine's process, under the names that Prometheus' clients use. */
export function writeProcessMetrics(out: MetricsText, startedAtMs: number): void {
  const { user, system } = process.cpuUsage();
  out.family('process_cpu_seconds_total', 'counter', 'CPU time of the engine');
  out.sample((user + system) / 1e6);
  out.family('process_resident_memory_bytes', 'gauge', 'Resident memory of the engine');
  out.sample(process.memoryUsage.rss());
  out.family('process_open_fds', 'gauge', 'Open files of the engine');
  out.sample(readdirSync('/proc/self/fd').length - 1);
  out.family('process_start_time_seconds', 'gauge', 'When the engine was started, since 1970');
  out.sample(startedAtMs / 1000);
}

export interface EventCounts extends Disposable {
  write(out: MetricsText): void;
}

/** More kinds than the engine has words for. */
const maximumKinds = 200;

/** Counts events by type and action; what follows a colon (`exec_start: sh`) is the user's and not counted apart. */
export function countEvents(events: Events): EventCounts {
  const counts = new Map<string, number>();
  let total = 0;
  const subscription = events.subscribe(({ type, action }) => {
    total++;
    const key = formatLabels({ type, action: action.replace(/:.*$/s, '') });
    if (counts.has(key) || counts.size < maximumKinds) counts.set(key, (counts.get(key) ?? 0) + 1);
  });
  return {
    write(out) {
      out.family('engine_daemon_events_total', 'counter', 'Events of the engine');
      out.sample(total);
      out.family('silo_events_total', 'counter', 'Events of the engine by type and action');
      for (const [labels, count] of counts) out.sample(count, labels);
    },
    [Symbol.dispose]: () => subscription[Symbol.dispose](),
  };
}
