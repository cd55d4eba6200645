import type { Engine } from '../../../../engine/host/engine.ts';
import { unavailable, unsupported } from '../../../../foundation/base/errors.ts';
import { type Route, ok } from '../../call.ts';

const swarmText =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

/** Routes of Docker's API that this engine does not serve yet, each with a sentence that says so. */
const missing: readonly [Route['method'], string, string, string?][] = [
  ['POST', '/auth', 'logging in to a registry', 'give the credentials with each pull'],
  ['POST', '/build', 'building images'],
  ['POST', '/build/cancel', 'building images'],
  ['POST', '/session', 'building images'],
  ['POST', '/grpc', 'building images'],
  ['GET', '/images/search', 'searching registries'],
  ['GET', '/images/get', 'saving images to an archive'],
  ['GET', '/images/{name:.*}/get', 'saving images to an archive'],
  ['POST', '/images/{name:.*}/push', 'pushing images'],
  ['GET', '/distribution/{name:.*}/json', 'asking registries about images'],
];

const swarmPaths: readonly [Route['method'], string][] = [
  ['GET', '/swarm'],
  ['GET', '/nodes'],
  ['GET', '/services'],
  ['POST', '/services/create'],
  ['GET', '/tasks'],
  ['GET', '/secrets'],
  ['POST', '/secrets/create'],
  ['GET', '/configs'],
  ['POST', '/configs/create'],
];

export function unsupportedRoutes(engine: { events: Pick<Engine['events'], 'publish'> }): Route[] {
  return [
    ...missing.map(([method, path, what, hint]): Route => ({
      method,
      path,
      handle: () =>
        Promise.reject(
          unsupported(`${what} is not supported yet`, {
            code: 'unsupported-route',
            ...(hint === undefined ? {} : { hint }),
          }),
        ),
    })),
    ...swarmPaths.map(([method, path]): Route => ({
      method,
      path,
      handle: () => Promise.reject(unavailable(swarmText, { code: 'no-swarm' })),
    })),
    { method: 'GET', path: '/plugins', handle: async () => ok([]) },
    // Part of `docker system prune`: without builds there is nothing to remove.
    {
      method: 'POST',
      path: '/build/prune',
      async handle() {
        engine.events.publish({ type: 'builder', action: 'prune', id: '', attributes: { reclaimed: '0' } });
        return ok({ CachesDeleted: null, SpaceReclaimed: 0 });
      },
    },
  ];
}
