import { forbidden, notFound } from '../../foundation/base/errors.ts';
import type { CreateNetwork, NetworkInfo } from './network.ts';
import { toRequest } from './settle-blocks.ts';

/**
 * Networks that only hold a configuration (`--config-only`), and those that take it (`--config-from`): checks what may be combined, in Docker's words, and
 * gives the request as if it had been spelled out.
 */
export function resolveConfiguration(
  request: CreateNetwork,
  find: (name: string) => NetworkInfo | undefined,
): CreateNetwork {
  const { configOnly, configFrom } = request;
  if (configOnly && (request.internal || request.attachable))
    throw forbidden(
      'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
      { code: 'config-only' },
    );
  if (configOnly && configFrom !== undefined)
    throw forbidden('a configuration network cannot depend on another configuration network', {
      code: 'config-only',
    });
  if (configFrom === undefined) return request;
  const source = find(configFrom);
  if (!source?.configOnly)
    throw notFound(`configuration network "${configFrom}" does not exist`, {
      code: 'no-such-network',
      hint: 'make it with --config-only first',
    });
  if (request.ipam?.length || isGiven(request.labels) || isGiven(request.ipamOptions))
    throw forbidden(
      'user specified configurations are not supported if the network depends on a configuration network',
      { code: 'config-from' },
    );
  if (isGiven(request.options))
    throw forbidden(
      'network driver options are not supported if the network depends on a configuration network',
      { code: 'config-from' },
    );
  return {
    ...request,
    ipam: source.ipam.map(toRequest),
    options: source.options,
    labels: source.labels,
    ...(source.ipamOptions === undefined ? {} : { ipamOptions: source.ipamOptions }),
    ...(source.enableIpv6 ? { enableIpv6: true } : {}),
  };
}

const isGiven = (map: Readonly<Record<string, string>> | undefined): boolean =>
  Object.keys(map ?? {}).length > 0;
