import type { Engine } from '../../../../engine/host/engine.ts';
import { parsePlatform } from '../../../../foundation/oci/platform.ts';
import type { ContainerCreateResponse } from '../../../../foundation/wire/docker/container.ts';
import type { ContainerCreateBody } from '../../../../foundation/wire/docker/container-config.ts';
import { created, type Route } from '../../call.ts';
import { containerCreateBody } from '../../input/container-bodies.ts';
import { readRequiredJson } from '../../input/json-body.ts';
import { queryText } from '../../input/query.ts';
import { createWarnings, toContainerConfig } from '../../translate/container-config.ts';
import { discardedLimits } from '../../translate/resource-limits.ts';
import { since } from '../../versions.ts';
import { defined } from '../../translate/refuse.ts';

export function createContainer(engine: {
  containers: Pick<Engine['containers'], 'create'>;
  host: Pick<Engine['host'], 'cpus' | 'cpuList' | 'memoryNodes'>;
}): Route {
  return {
    method: 'POST',
    path: '/containers/create',
    async handle(call) {
      const body = ofVersion(call.minor, await readRequiredJson(call, containerCreateBody));
      const config = toContainerConfig(body, engine.host);
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
        Warnings: [
          ...warnings,
          ...discardedLimits(body.HostConfig ?? {}),
          ...deprecated(call.minor, body),
          ...createWarnings(config),
        ],
      } satisfies ContainerCreateResponse);
    },
  };
}

/** What a request of an older client means by leaving something out. */
function ofVersion(minor: number, body: ContainerCreateBody): ContainerCreateBody {
  if (minor >= since.privateIpc || body.HostConfig?.IpcMode) return body;
  return { ...body, HostConfig: { ...body.HostConfig, IpcMode: 'shareable' } };
}

function deprecated(minor: number, { MacAddress }: ContainerCreateBody): string[] {
  return MacAddress && minor >= since.endpointMacAddress
    ? [
        'The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.',
      ]
    : [];
}
