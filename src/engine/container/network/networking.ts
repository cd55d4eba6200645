import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Endpoint, NetworkInfo, PortRequest } from '../../../resources/network/network.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { findIpAddress, formatIpAddress } from '../../../foundation/base/ip-address.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { checkHasPlaces } from './check-place.ts';
import type { ContainerConfig, EndpointRequest } from '../config.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { parseInterfaceSysctls } from './interface-sysctls.ts';
import { bareNetwork, findNetwork, namesOn, usesNetwork } from './places.ts';

/** Reserves addresses and ports for this run; nothing for `none`, `host` and `container:`. */
export async function reserveNetwork(context: Context, record: ContainerRecord): Promise<Endpoint[]> {
  if (!usesNetwork(record.config)) return [];
  const endpoints: Endpoint[] = [];
  for (const [name, request] of Object.entries(record.config.network.endpoints))
    endpoints.push(await reserveEndpoint(context, record, context.networks.get(name), request));
  return endpoints;
}

export function reserveEndpoint(
  context: Context,
  record: ContainerRecord,
  network: NetworkInfo,
  request: EndpointRequest,
): Promise<Endpoint> {
  checkHasPlaces(network);
  const { macAddress, ipv4Address, ipv6Address, gatewayPriority, driverOptions } = request;
  const interfaceName = driverOptions[interfaceNameOption];
  return context.endpoints.reserve({
    containerId: record.id,
    networkId: network.id,
    containerName: record.name,
    ports: requestedPorts(record.config),
    gatewayPriority,
    names: namesOn(context, record, network, request),
    links: linksOf(request),
    dns: record.config.network.dns,
    sysctls: parseInterfaceSysctls(driverOptions),
    ...(macAddress ? { macAddress } : {}),
    ...(ipv4Address ? { ipv4Address } : {}),
    ...(ipv6Address ? { ipv6Address } : {}),
    ...(interfaceName ? { interfaceName } : {}),
  });
}

/** Docker's driver option for the name of the interface inside. */
const interfaceNameOption = 'com.docker.network.endpoint.ifname';

/** `container:alias` words; without an alias the name itself. */
function linksOf({ links }: EndpointRequest): Record<string, string> {
  return Object.fromEntries(
    links.map((word) => {
      const [target = '', alias = ''] = word.replace(/^\//, '').split(':');
      return [(alias.split('/').at(-1) || target).toLowerCase(), target];
    }),
  );
}

/** Whether programs inside ask our resolver: on any network but the default one. */
export function hasResolver(context: Pick<Context, 'settings'>, { network }: ContainerConfig): boolean {
  return Object.keys(network.endpoints).some((name) => name !== context.settings.defaultNetwork);
}

export async function attachNetwork(
  context: Context,
  record: ContainerRecord,
  endpoints: readonly Endpoint[],
  pid: number,
): Promise<void> {
  const bare = bareNetwork(context, record.config);
  if (bare) publishNetwork(context, 'connect', bare, record.id);
  for (const endpoint of endpoints) {
    await context.endpoints.attach(endpoint, pid);
    faultPoint('container.start.attached');
    publishNetwork(context, 'connect', context.networks.get(endpoint.networkId), endpoint.containerId);
  }
}

/** After the end of a run. A network that was removed meanwhile has nobody to tell. */
export function publishDisconnects(context: Context, record: ContainerRecord): void {
  const bare = bareNetwork(context, record.config);
  if (bare) publishNetwork(context, 'disconnect', bare, record.id);
  if (!usesNetwork(record.config)) return;
  for (const key of Object.keys(record.config.network.endpoints)) {
    const network = findNetwork(context, key);
    if (network) publishNetwork(context, 'disconnect', network, record.id);
  }
}

export function publishNetwork(
  context: Pick<Context, 'events'>,
  action: 'connect' | 'disconnect',
  network: NetworkInfo,
  containerId: ContainerId,
): void {
  context.events.publish({
    type: 'network',
    action,
    id: network.id,
    attributes: { container: containerId, name: network.name, type: network.driver },
  });
}

/** `-p` words, and with `-P` every exposed port that has none. */
export function requestedPorts(config: Pick<ContainerConfig, 'network' | 'exposedPorts'>): PortRequest[] {
  const { ports, publishAll } = config.network;
  const published = toPortRequests(ports);
  if (!publishAll) return published;
  const missing = config.exposedPorts.filter((key) => !ports[key]?.length);
  return [...published, ...missing.map((key) => ({ ...parsePort(key), hostAddress: '', hostPort: 0 }))];
}

export function toPortRequests(ports: ContainerConfig['network']['ports']): PortRequest[] {
  return Object.entries(ports).flatMap(([key, bindings]) =>
    bindings.map((binding) => ({
      ...parsePort(key),
      hostAddress: canonicalAddress(binding.hostAddress),
      ...hostPorts(binding.hostPort),
    })),
  );
}

/** `0:0::0` is `::`: claims and rules compare words. */
function canonicalAddress(text: string): string {
  const address = findIpAddress(text);
  return address ? formatIpAddress(address) : text;
}

/** `8080`, `8000-8010` (any free one of them), or nothing for any free port. */
function hostPorts(text: string): Pick<PortRequest, 'hostPort' | 'lastHostPort'> {
  const [first = '', last] = text.split('-');
  const hostPort = Number(first || 0);
  return last === undefined || last === first ? { hostPort } : { hostPort, lastHostPort: Number(last) };
}

/** `80/tcp` */
export function parsePort(key: string): Pick<PortRequest, 'containerPort' | 'protocol'> {
  const [port = '', protocol = 'tcp'] = key.split('/');
  const containerPort = Number(port);
  if (!Number.isInteger(containerPort) || containerPort < 1 || containerPort > 65_535)
    throw invalid(`invalid port specification: "${key}"`, { code: 'invalid-port' });
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')
    throw invalid(`invalid protocol in "${key}": tcp, udp and sctp can be published`, {
      code: 'invalid-port',
    });
  return { containerPort, protocol };
}
