import type { Engine } from '../../../../engine/host/engine.ts';
import { parsePlatform } from '../../../../foundation/oci/platform.ts';
import type { ContainerCreateResponse } from '../../../../foundation/wire/docker/container.ts';
import { created, type Route } from '../../call.ts';
import { containerCreateBody } from '../../input/container-bodies.ts';
import { readJson } from '../../input/json-body.ts';
import { queryText } from '../../input/query.ts';
import { createWarnings, toContainerConfig } from '../../translate/container-config.ts';
import { defined } from '../../translate/refuse.ts';

export function createContainer(engine: {
  containers: Pick<Engine['containers'], 'create'>;
  host: Pick<Engine['host'], 'cpus'>;
}): Route {
  return {
    method: 'POST',
    path: '/containers/create',
    async handle(call) {
      const config = toContainerConfig(await readJson(call, containerCreateBody), engine.host);
      const platform = queryText(call.query, 'platform');
      if (platform !== undefined) parsePlatform(platform);
      const request = defined<Parameters<Engine['containers']['create']>[0]>({
        name: queryText(call.query, 'name'),
        config,
        platform,
      });
      const { id, warnings } = await engine.containers.create(request);
      return created({
        Id: id,
        Warnings: [...warnings, ...createWarnings(config)],
      } satisfies ContainerCreateResponse);
    },
  };
}
