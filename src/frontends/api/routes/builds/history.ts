import type { BuildRecord } from '../../../../engine/build/history/records.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import type { BuildRecordJson } from '../../../../foundation/wire/silo/builds.ts';
import { answered, noContent, ok, type Route } from '../../call.ts';
import { createEventWriter } from '../../build-session/events.ts';

type Builds = Pick<Engine, 'builds'>;

export function listBuilds({ builds }: Builds): Route {
  return {
    method: 'GET',
    path: '/silo/builds',
    handle: () => Promise.resolve(ok(builds.history.list().map(toJson))),
  };
}

export function inspectBuild({ builds }: Builds): Route {
  return {
    method: 'GET',
    path: '/silo/builds/{id}',
    handle: (call) => Promise.resolve(ok(toJson(builds.history.get(call.param('id'))))),
  };
}

export function removeBuild({ builds }: Builds): Route {
  return {
    method: 'DELETE',
    path: '/silo/builds/{id}',
    async handle(call) {
      await builds.history.remove(call.param('id'));
      return noContent;
    },
  };
}

/** The events of a build as lines of JSON, as far as they are kept. */
export function showBuildLog({ builds }: Builds): Route {
  return {
    method: 'GET',
    path: '/silo/builds/{id}/log',
    async handle(call) {
      const { exchange } = call;
      const { id } = builds.history.get(call.param('id'));
      const output = exchange.stream(200, 'application/x-ndjson');
      const toEvent = createEventWriter();
      for await (const progress of builds.history.log(id)) {
        if (exchange.signal.aborted) break;
        const event = toEvent(progress);
        if (event !== undefined && !output.write(`${JSON.stringify(event)}\n`)) await output.drained();
      }
      output.end();
      return answered;
    },
  };
}

function toJson(record: BuildRecord): BuildRecordJson {
  const {
    id,
    status,
    startedAtMs,
    endedAtMs,
    dockerfile,
    target = '',
    platform = '',
    tags,
    steps,
    error,
  } = record;
  return {
    ID: id,
    Status: status,
    StartedAt: new Date(startedAtMs).toISOString(),
    EndedAt: endedAtMs === undefined ? '' : new Date(endedAtMs).toISOString(),
    DurationMs: endedAtMs === undefined ? 0 : Math.max(0, endedAtMs - startedAtMs),
    Dockerfile: dockerfile,
    Target: target,
    Platform: platform,
    Tags: [...tags],
    Arguments: [...record.arguments],
    Steps: { Total: steps.total, Done: steps.done, Cached: steps.cached },
    Image: record.image ?? '',
    Digest: record.digest ?? '',
    ...(error === undefined
      ? {}
      : {
          Error: {
            Message: error.message,
            ...(error.step === undefined ? {} : { Step: error.step }),
            ...(error.line === undefined ? {} : { Line: error.line }),
          },
        }),
  };
}
