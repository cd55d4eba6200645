import { notFound, unavailable, unsupported } from '../../../../foundation/base/errors.ts';
import { type Route, ok } from '../../call.ts';

const swarmText =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

/** Clients show the message alone. */
const buildKit = 'building with BuildKit (use DOCKER_BUILDKIT=0 docker build, or silo build)';

/** Routes of Docker's API that this engine does not serve yet, each with a sentence that says so. */
const missing: readonly [Route['method'], string, string, string?][] = [
  ['GET', '/plugins/privileges', 'installing plugins'],
  ['POST', '/plugins/pull', 'installing plugins'],
  ['POST', '/plugins/create', 'installing plugins'],
  ['POST', '/build/cancel', buildKit],
  ['POST', '/session', buildKit],
  ['POST', '/grpc', buildKit],
];

/** Everything of a swarm; this engine is none's manager. */
const swarmPaths: readonly [Route['method'], string][] = [
  ['GET', '/swarm'],
  ['POST', '/swarm/{action}'],
  ['GET', '/swarm/unlockkey'],
  ['PUT', '/volumes/{name}'],
  ...['nodes', 'services', 'tasks', 'secrets', 'configs'].flatMap((kind): [Route['method'], string][] => [
    ['GET', `/${kind}`],
    ['POST', `/${kind}/create`],
    ['GET', `/${kind}/{id}`],
    ['DELETE', `/${kind}/{id}`],
    ['POST', `/${kind}/{id}/update`],
    ['GET', `/${kind}/{id}/logs`],
  ]),
];

/** There are no plugins, hence none of any name. */
const pluginPaths: readonly [Route['method'], string][] = [
  ['GET', '/plugins/{name:.*}/json'],
  ['DELETE', '/plugins/{name:.*}'],
  ...['enable', 'disable', 'upgrade', 'push', 'set'].map((verb): [Route['method'], string] => [
    'POST',
    `/plugins/{name:.*}/${verb}`,
  ]),
];

export function unsupportedRoutes(): Route[] {
  return [
    ...missing.map(([method, path, what, hint]): Route => ({
      method,
      path,
      handle: () =>
        Promise.reject(
          unsupported(`${what} is not supported yet`, {
            code: 'unsupported-route',
            hint,
          }),
        ),
    })),
    ...swarmPaths.map(([method, path]): Route => ({
      method,
      path,
      handle: () => Promise.reject(unavailable(swarmText, { code: 'no-swarm' })),
    })),
    ...pluginPaths.map(([method, path]): Route => ({
      method,
      path,
      handle: (call) =>
        Promise.reject(
          notFound(`plugin "${call.param('name').slice(0, 80)}" not found`, { code: 'no-such-plugin' }),
        ),
    })),
    { method: 'GET', path: '/plugins', handle: async () => ok([]) },
  ];
}
