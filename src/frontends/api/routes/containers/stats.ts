import type { StatsSample } from '../../../../engine/container/stats/stats.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { isRunning } from '../../../../engine/container/state.ts';
import { answered, type ApiCall, type Route } from '../../call.ts';
import { queryFlag } from '../../input/query.ts';
import { formatStats, toStatsJson } from '../../translate/stats-json.ts';

export type StatsEngine = {
  containers: Pick<Engine['containers'], 'get'>;
  stats: Pick<Engine['stats'], 'sample' | 'watch'>;
};

/** Statistics: a stream with one line each second, two samples for one line (`stream=false`), or one line at once (`one-shot`). */
export function streamStats(engine: StatsEngine): Route {
  return {
    method: 'GET',
    path: '/containers/{id}/stats',
    async handle(call) {
      const { query, exchange } = call;
      const record = engine.containers.get(call.param('id'));
      const isStream = queryFlag(query, 'stream', true);
      const isOneShot = queryFlag(query, 'one-shot');
      if (isStream && isOneShot)
        throw invalid('cannot have stream=true and one-shot=true', { code: 'bad-parameter' });
      if (isStream) await stream(engine, call);
      else {
        const line =
          isOneShot || !isRunning(record.state)
            ? toStatsJson(record, await engine.stats.sample(record.id))
            : await measured(engine, call);
        exchange.send(200, { type: 'application/json', data: formatStats(line) });
      }
      return answered;
    },
  };
}

/** The second of two samples, so that there is a difference to compute percentages from. */
async function measured(engine: StatsEngine, call: ApiCall): Promise<ReturnType<typeof toStatsJson>> {
  const record = engine.containers.get(call.param('id'));
  const samples: (StatsSample | undefined)[] = [];
  for await (const sample of engine.stats.watch(record.id, { signal: call.exchange.signal }))
    if (samples.push(sample) === 2) break;
  const [first, second] = samples;
  return toStatsJson(record, second, first);
}

/** At the client's pace: while it does not read, samples are skipped. */
async function stream(engine: StatsEngine, call: ApiCall): Promise<void> {
  const { exchange } = call;
  const { id } = engine.containers.get(call.param('id'));
  const samples = engine.stats.watch(id, { signal: exchange.signal });
  const output = exchange.stream(200, 'application/json');
  let previous: StatsSample | undefined;
  for await (const sample of samples) {
    // The name may change meanwhile; the container may go.
    const record = find(engine, id);
    if (!record) break;
    if (!output.write(formatStats(toStatsJson(record, sample, previous)))) await output.drained();
    previous = sample;
  }
  output.end();
}

function find(engine: StatsEngine, id: string): ReturnType<StatsEngine['containers']['get']> | undefined {
  try {
    return engine.containers.get(id);
  } catch {
    return undefined;
  }
}
