import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import type { SystemDfJson } from '../../../../foundation/wire/docker/system.ts';
import { ok, type Route } from '../../call.ts';
import { toVolumeJson } from '../../translate/volume-json.ts';
import { summarize } from '../containers/list.ts';
import { imagesInUse } from '../images/list.ts';
import { volumeUsers } from '../volumes/usage.ts';

const known = ['container', 'image', 'volume', 'build-cache'];

export type DiskUsageEngine = {
  containers: Pick<Engine['containers'], 'list' | 'networkOf' | 'sizeOf'>;
  images: Pick<Engine['images'], 'list' | 'resolve' | 'usage'>;
  volumes: Pick<Engine['volumes'], 'list'>;
};

/** `type` may be repeated and asks for parts. Sizes of volumes are not counted: -1, as Docker writes it. */
export function diskUsage(engine: DiskUsageEngine): Route {
  return {
    method: 'GET',
    path: '/system/df',
    async handle({ query, minor }) {
      const types = query.getAll('type');
      for (const type of types)
        if (!known.includes(type))
          throw invalid(`unknown object type: ${type.slice(0, 80)}`, { code: 'bad-object-type' });
      const wants = (type: string): boolean => types.length === 0 || types.includes(type);
      const containers = engine.containers.list();
      const answer: SystemDfJson = {
        ...(wants('image')
          ? {
              LayersSize: (await engine.images.usage()).layersBytes,
              Images: imagesInUse(engine.images.list(), containers, minor),
            }
          : {}),
        ...(wants('container') ? { Containers: await summarize(engine, containers, { sizes: true }) } : {}),
        ...(wants('volume') ? { Volumes: volumesWithUsers(engine) } : {}),
        ...(wants('build-cache') ? { BuildCache: [] } : {}),
      };
      return ok(answer);
    },
  };
}

function volumesWithUsers(engine: DiskUsageEngine): NonNullable<SystemDfJson['Volumes']> {
  const users = volumeUsers(engine.containers);
  return engine.volumes.list().map((volume) => ({
    ...toVolumeJson(volume),
    UsageData: { Size: -1, RefCount: users.get(volume.name) ?? 0 },
  }));
}
