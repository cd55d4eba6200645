import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { ok, type Route } from '../../call.ts';
import { queryPlatform } from '../../input/platform-query.ts';
import { queryFlag } from '../../input/query.ts';
import { toImageInspect } from '../../translate/image-json.ts';
import { manifestFields } from '../../translate/manifest-json.ts';
import { since } from '../../versions.ts';

export function inspectImage(engine: {
  images: Pick<Engine['images'], 'resolve' | 'descriptor' | 'manifests'>;
  containers: Pick<Engine['containers'], 'list'>;
}): Route {
  return {
    method: 'GET',
    path: '/images/{name:.*}/json',
    async handle(call) {
      const { minor, query } = call;
      const platform = queryPlatform(query);
      const manifests = queryFlag(query, 'manifests');
      if (manifests && platform)
        throw invalid('conflicting options: manifests and platform options cannot both be set', {
          code: 'manifests-and-platform',
        });
      const image = engine.images.resolve(call.param('name'), platform);
      const forCompose1 = call.exchange.headers['user-agent']?.startsWith('docker-compose/1.') ?? false;
      const speaks = minor >= since.imageDescriptors;
      return ok({
        ...toImageInspect(image, minor, { forCompose1 }),
        ...(await manifestFields(engine, image, { descriptor: speaks, manifests: speaks && manifests })),
      });
    },
  };
}
