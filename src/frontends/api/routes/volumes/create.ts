import type { Engine } from '../../../../engine/host/engine.ts';
import { notFound } from '../../../../foundation/base/errors.ts';
import { created, type Route } from '../../call.ts';
import { readJson } from '../../input/json-body.ts';
import { volumeCreateBody } from '../../input/other-bodies.ts';
import { defined, isEmpty, refuseUnless } from '../../translate/refuse.ts';
import { toVolumeJson } from '../../translate/volume-json.ts';

type Request = Parameters<Engine['volumes']['create']>[0];

export function createVolume(engine: { volumes: Pick<Engine['volumes'], 'create'> }): Route {
  return {
    method: 'POST',
    path: '/volumes/create',
    async handle(call) {
      const body = await readJson(call, volumeCreateBody);
      const { Name = '', Driver = '' } = body;
      if (Driver !== '' && Driver !== 'local')
        throw notFound(
          `create ${Name.slice(0, 80)}: error looking up volume plugin ${Driver.slice(0, 80)}: plugin "${Driver.slice(0, 80)}" not found`,
          { code: 'no-such-driver', hint: 'volumes are of the driver local' },
        );
      refuseUnless(isEmpty(body.ClusterVolumeSpec), 'ClusterVolumeSpec');
      const request = defined<Request>({
        name: Name || undefined,
        labels: body.Labels ?? undefined,
        options: body.DriverOpts ?? undefined,
      });
      return created(toVolumeJson(await engine.volumes.create(request)));
    },
  };
}
