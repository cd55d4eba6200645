import type { CommitRequest } from '../../../../engine/container/files/files.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import type { ImageRunConfig } from '../../../../foundation/oci/image-config.ts';
import { parseReference, type Reference, withTag } from '../../../../foundation/oci/reference.ts';
import type { ContainerConfigJson } from '../../../../foundation/wire/docker/container-config.ts';
import type { IdResponse } from '../../../../foundation/wire/docker/exec.ts';
import { created, type Route } from '../../call.ts';
import { commitBody } from '../../input/container-bodies.ts';
import { readOptionalJson } from '../../input/json-body.ts';
import { queryFlag, queryText } from '../../input/query.ts';
import { defined } from '../../translate/refuse.ts';

/** The body is a configuration that goes over the container's. */
export function commitContainer(engine: { changes: Pick<Engine['changes'], 'commit'> }): Route {
  return {
    method: 'POST',
    path: '/commit',
    async handle(call) {
      const { query, exchange } = call;
      const container = query.get('container') ?? '';
      if (container === '') throw invalid('invalid name or ID supplied: ""', { code: 'no-container-name' });
      const body = await readOptionalJson(call, commitBody);
      const request = defined<CommitRequest>({
        reference: referenceOf(query),
        author: query.get('author') ?? '',
        comment: query.get('comment') ?? '',
        pause: queryFlag(query, 'pause', true),
        changes: query.getAll('changes'),
        config: body && runConfigOf(body),
        signal: exchange.signal,
      });
      const id = await engine.changes.commit(container, request);
      return created({ Id: id } satisfies IdResponse);
    },
  };
}

function referenceOf(query: URLSearchParams): Reference | undefined {
  const repository = queryText(query, 'repo');
  if (repository === undefined) return undefined;
  const named = parseReference(repository);
  const tag = queryText(query, 'tag');
  return tag === undefined ? named : withTag(named, tag);
}

/** Fields that only containers have say nothing about an image. */
function runConfigOf(body: ContainerConfigJson): ImageRunConfig {
  const { Healthcheck } = body;
  return defined<ImageRunConfig>({
    User: body.User ?? undefined,
    ExposedPorts: keysOf(body.ExposedPorts),
    Env: body.Env ?? undefined,
    Cmd: wordsOf(body.Cmd),
    Entrypoint: wordsOf(body.Entrypoint),
    Volumes: keysOf(body.Volumes),
    WorkingDir: body.WorkingDir ?? undefined,
    Labels: body.Labels ?? undefined,
    StopSignal: body.StopSignal ?? undefined,
    OnBuild: body.OnBuild ?? undefined,
    Shell: body.Shell ?? undefined,
    Healthcheck: Healthcheck
      ? defined({
          Test: Healthcheck.Test ?? undefined,
          Interval: Healthcheck.Interval,
          Timeout: Healthcheck.Timeout,
          StartPeriod: Healthcheck.StartPeriod,
          StartInterval: Healthcheck.StartInterval,
          Retries: Healthcheck.Retries,
        })
      : undefined,
  });
}

const wordsOf = (words: string[] | string | null | undefined): string[] | undefined =>
  typeof words === 'string' ? [words] : (words ?? undefined);

const keysOf = (
  sets: Record<string, object> | null | undefined,
): Record<string, Record<string, never>> | undefined =>
  sets ? Object.fromEntries(Object.keys(sets).map((key) => [key, {}])) : undefined;
