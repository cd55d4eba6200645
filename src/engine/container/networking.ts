import { faultPoint } from '../../foundation/base/fault.ts';
import type { Endpoint, PortRequest } from '../../resources/network/network.ts';
import { invalid } from '../../foundation/base/errors.ts';
import type { ContainerConfig } from './config.ts';
import type { ContainerNetwork, ContainerRecord } from './container.ts';
import type { Context } from './context.ts';

/** Whether the container has a place on a network, rather than sharing someone's namespace or having none. */
export function usesNetwork(config: Pick<ContainerConfig, 'network'>): boolean {
  const { mode } = config.network;
  return mode !== 'none' && mode !== 'host' && !mode.startsWith('container:');
}

/** Name of the network for Docker's `default`. */
export function networkName(context: Pick<Context, 'settings'>, mode: string): string {
  return mode === '' || mode === 'default' ? context.settings.defaultNetwork : mode;
}

/** Reserves address and ports for this run; nothing for `none`, `host` and `container:`. */
export async function reserveNetwork(context: Context, record: ContainerRecord): Promise<Endpoint[]> {
  const { config } = record;
  if (!usesNetwork(config)) return [];
  const network = context.networks.get(networkName(context, config.network.mode));
  const { macAddress, ipv4Address } = config.network;
  const endpoint = await context.endpoints.reserve({
    containerId: record.id,
    networkId: network.id,
    containerName: record.name,
    ports: requestedPorts(config),
    ...(macAddress ? { macAddress } : {}),
    ...(ipv4Address ? { ipv4Address } : {}),
  });
  return [endpoint];
}

export async function attachNetwork(
  context: Context,
  endpoints: readonly Endpoint[],
  pid: number,
): Promise<void> {
  for (const endpoint of endpoints) {
    await context.endpoints.attach(endpoint, pid);
    faultPoint('container.start.attached');
    context.events.publish({
      type: 'network',
      action: 'connect',
      id: endpoint.networkId,
      attributes: { container: endpoint.containerId, name: endpoint.networkName, type: 'bridge' },
    });
  }
}

/** `-p` words, and with `-P` every exposed port that has none. */
export function requestedPorts(config: Pick<ContainerConfig, 'network' | 'exposedPorts'>): PortRequest[] {
  const { ports, publishAll } = config.network;
  const published = Object.entries(ports).flatMap(([key, bindings]) =>
    bindings.map((binding) => ({
      ...parsePort(key),
      hostAddress: binding.hostAddress,
      hostPort: Number(binding.hostPort || 0),
    })),
  );
  if (!publishAll) return published;
  const missing = config.exposedPorts.filter((key) => !ports[key]?.length);
  return [...published, ...missing.map((key) => ({ ...parsePort(key), hostAddress: '', hostPort: 0 }))];
}

/** `80/tcp` */
export function parsePort(key: string): Pick<PortRequest, 'containerPort' | 'protocol'> {
  const [port = '', protocol = 'tcp'] = key.split('/');
  const containerPort = Number(port);
  if (!Number.isInteger(containerPort) || containerPort < 1 || containerPort > 65_535)
    throw invalid(`invalid port specification: "${key}"`, { code: 'invalid-port' });
  if (protocol !== 'tcp' && protocol !== 'udp')
    throw invalid(`invalid protocol in "${key}": tcp and udp can be published`, { code: 'invalid-port' });
  return { containerPort, protocol };
}

export function describeNetwork(context: Context, record: ContainerRecord): ContainerNetwork {
  const endpoints = context.endpoints.find(record.id);
  return {
    networks: endpoints.map((endpoint) => ({
      name: endpoint.networkName,
      networkId: endpoint.networkId,
      endpointId: endpoint.endpointId,
      macAddress: endpoint.macAddress,
      gateway: endpoint.ipv4.gateway,
      address: endpoint.ipv4.address,
      prefixLength: endpoint.ipv4.prefixLength,
      ipv6Gateway: endpoint.ipv6?.gateway ?? '',
      ipv6Address: endpoint.ipv6?.address ?? '',
      ipv6PrefixLength: endpoint.ipv6?.prefixLength ?? 0,
    })),
    ports: endpoints.flatMap((endpoint) => endpoint.ports),
  };
}
