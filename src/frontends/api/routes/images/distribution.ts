import type { Engine } from '../../../../engine/host/engine.ts';
import { parseReference } from '../../../../foundation/oci/reference.ts';
import { ok, type Route } from '../../call.ts';
import { readRegistryAuth } from '../../input/registry-auth.ts';
import { defined } from '../../translate/refuse.ts';

/** What a registry has under a name, without pulling it. */
export function inspectDistribution(engine: { images: Pick<Engine['images'], 'inspect'> }): Route {
  return {
    method: 'GET',
    path: '/distribution/{name:.*}/json',
    async handle(call) {
      const { headers, signal } = call.exchange;
      const { descriptor, platforms } = await engine.images.inspect(
        defined<Parameters<Engine['images']['inspect']>[0]>({
          reference: parseReference(call.param('name')),
          credentials: readRegistryAuth(headers),
          signal,
        }),
      );
      const { mediaType, digest, size } = descriptor;
      return ok({ Descriptor: { mediaType, digest, size }, Platforms: platforms });
    },
  };
}
