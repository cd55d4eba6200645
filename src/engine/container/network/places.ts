import { createHash } from 'node:crypto';
import type { Endpoint, NetworkInfo } from '../../../resources/network/network.ts';
import { shortId } from '../../../foundation/base/ids.ts';
import type { ContainerConfig, EndpointRequest } from '../config.ts';
import type { ContainerNetwork, ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { isRunning } from '../state.ts';

type Identity = Pick<NetworkInfo, 'id' | 'name'>;
type NetworkPlace = ContainerNetwork['networks'][number];

/** A container's record names a network by the word that was asked for: name or id. */
export const isNamed = (key: string, { id, name }: Identity): boolean => key === name || key === id;

/** The network that the word means, while it exists. */
export function findNetwork({ networks }: Pick<Context, 'networks'>, key: string): NetworkInfo | undefined {
  return networks.list().find((network) => isNamed(key, network));
}

/** Its place on the network, while it runs. */
export function liveOn(live: readonly Endpoint[], key: string): Endpoint | undefined {
  return live.find(({ networkId, networkName }) => isNamed(key, { id: networkId, name: networkName }));
}

/** Whether the container has places on networks, rather than sharing someone's namespace or having none. */
export function usesNetwork({
  network,
}: {
  network: Pick<ContainerConfig['network'], 'mode' | 'leftNone'>;
}): boolean {
  const { mode, leftNone } = network;
  return (mode !== 'none' || leftNone === true) && mode !== 'host' && !mode.startsWith('container:');
}

/** `host` or `none`, when the container is a member of that network: without an address, but shown with it. */
export function bareNetwork(
  context: Pick<Context, 'networks'>,
  { network }: Pick<ContainerConfig, 'network'>,
): NetworkInfo | undefined {
  const { mode, leftNone } = network;
  return mode === 'host' || (mode === 'none' && !leftNone) ? context.networks.get(mode) : undefined;
}

/** Docker's `DNSNames`: on the default network containers have none. */
export function namesOn(
  context: Pick<Context, 'settings'>,
  record: Pick<ContainerRecord, 'id' | 'name' | 'config'>,
  network: Pick<NetworkInfo, 'name'>,
  request: Pick<EndpointRequest, 'aliases'>,
): string[] {
  if (network.name === context.settings.defaultNetwork) return [];
  return [...new Set([record.name, ...request.aliases, shortId(record.id), record.config.hostname])];
}

/** What was asked for, with what is there while it runs. */
export function describeNetwork(context: Context, record: ContainerRecord): ContainerNetwork {
  const live = context.endpoints.find(record.id);
  const bare = bareNetwork(context, record.config);
  const asked = usesNetwork(record.config) ? Object.entries(record.config.network.endpoints) : [];
  return {
    networks: bare
      ? [describeBare(record, bare)]
      : asked.map(([key, request]) => {
          const endpoint = liveOn(live, key);
          return endpoint ? describeLive(endpoint, request) : describeIdle(context, record, { key, request });
        }),
    ports: live.flatMap((endpoint) => endpoint.ports),
  };
}

const nothing = {
  names: [],
  networkId: '',
  endpointId: '',
  macAddress: '',
  gateway: '',
  address: '',
  prefixLength: 0,
  ipv6Gateway: '',
  ipv6Address: '',
  ipv6PrefixLength: 0,
};

function describeLive(endpoint: Endpoint, request: EndpointRequest): NetworkPlace {
  const { ipv4, ipv6 } = endpoint;
  return {
    name: endpoint.networkName,
    request,
    names: endpoint.names,
    networkId: endpoint.networkId,
    endpointId: endpoint.endpointId,
    macAddress: endpoint.macAddress,
    gateway: ipv4?.gateway ?? '',
    address: ipv4?.address ?? '',
    prefixLength: ipv4?.prefixLength ?? 0,
    ipv6Gateway: ipv6?.gateway ?? '',
    ipv6Address: ipv6?.address ?? '',
    ipv6PrefixLength: ipv6?.prefixLength ?? 0,
  };
}

/** What Docker knows of a place between two runs depends on whether it was used, or asked for by `connect`. */
function describeIdle(
  context: Context,
  record: ContainerRecord,
  { key, request }: { key: string; request: EndpointRequest },
): NetworkPlace {
  const network = findNetwork(context, key);
  const { state } = record;
  const lastRunMs = 'startedAtMs' in state ? state.startedAtMs : undefined;
  const wasUsed = lastRunMs !== undefined && lastRunMs >= (request.joinedAtMs ?? 0);
  return {
    ...nothing,
    name: network?.name ?? key,
    request,
    names:
      wasUsed || request.joinedAtMs !== undefined
        ? namesOn(context, record, { name: network?.name ?? key }, request)
        : [],
    networkId: wasUsed ? (network?.id ?? '') : '',
  };
}

function describeBare({ id, state }: ContainerRecord, network: NetworkInfo): NetworkPlace {
  const wasUsed = 'startedAtMs' in state && state.startedAtMs !== undefined;
  return {
    ...nothing,
    name: network.name,
    request: { aliases: [], links: [], linkLocalAddresses: [], driverOptions: {}, gatewayPriority: 0 },
    networkId: wasUsed ? network.id : '',
    // There is no endpoint behind it: only a number that is this container's own.
    endpointId: isRunning(state) ? createHash('sha256').update(`${network.id}${id}`).digest('hex') : '',
  };
}
