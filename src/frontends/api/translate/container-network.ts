import type { ContainerConfig } from '../../../engine/container/config.ts';
import type { ContainerNetwork, ContainerRecord } from '../../../engine/container/container.ts';
import { isRunning } from '../../../engine/container/state.ts';
import type {
  EndpointSettingsJson,
  PortBindingJson,
} from '../../../foundation/wire/docker/container-config.ts';
import type { NetworkSettingsJson, PortJson } from '../../../foundation/wire/docker/container.ts';
import { isEmpty } from './refuse.ts';

type Place = Pick<ContainerRecord, 'config' | 'state' | 'id'>;
type EndpointView = ContainerNetwork['networks'][number];

/** Docker's name for the mode: `default` is the default bridge. */
export function networkModeOf(config: Pick<ContainerConfig, 'network'>): string {
  const { mode } = config.network;
  return mode === '' || mode === 'default' ? 'bridge' : mode;
}

/** `Networks` by name: places of a running container, otherwise the one it will get. */
export function toNetworksJson(
  record: Place,
  network: ContainerNetwork,
): Record<string, EndpointSettingsJson> {
  const mode = networkModeOf(record.config);
  if (mode.startsWith('container:')) return {};
  return Object.fromEntries(network.networks.map((endpoint) => [endpoint.name, toEndpointJson(endpoint)]));
}

function toEndpointJson({ request, ...endpoint }: EndpointView): EndpointSettingsJson {
  const { ipv4Address, ipv6Address, linkLocalAddresses } = request;
  const addresses = {
    ...(ipv4Address === undefined ? {} : { IPv4Address: ipv4Address }),
    ...(ipv6Address === undefined ? {} : { IPv6Address: ipv6Address }),
    ...(linkLocalAddresses.length === 0 ? {} : { LinkLocalIPs: linkLocalAddresses }),
  };
  const given = <T extends object>(what: NonNullable<typeof request.empty>[number], value: T): T | null =>
    isEmpty(value) && !request.empty?.includes(what) ? null : value;
  return {
    IPAMConfig: given('addresses', addresses),
    Links: orNull(request.links),
    Aliases: given('aliases', request.aliases),
    MacAddress: endpoint.macAddress || (request.macAddress ?? ''),
    DriverOpts: given('driverOptions', request.driverOptions),
    GwPriority: request.gatewayPriority,
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.endpointId,
    Gateway: endpoint.gateway,
    IPAddress: endpoint.address,
    IPPrefixLen: endpoint.prefixLength,
    IPv6Gateway: endpoint.ipv6Gateway,
    GlobalIPv6Address: endpoint.ipv6Address,
    GlobalIPv6PrefixLen: endpoint.ipv6PrefixLength,
    DNSNames: orNull(endpoint.names),
  };
}

const orNull = <T>(list: T[]): T[] | null => (list.length === 0 ? null : list);

/** `NetworkSettings` of inspect; the legacy fields repeat the default bridge. */
export function toNetworkSettings(record: Place, network: ContainerNetwork): NetworkSettingsJson {
  const primary = network.networks.find(({ name }) => name === 'bridge');
  const pid = isRunning(record.state) ? record.state.pid : undefined;
  return {
    Bridge: '',
    SandboxID: pid !== undefined && !networkModeOf(record.config).startsWith('container:') ? record.id : '',
    SandboxKey: pid === undefined ? '' : `/proc/${pid}/ns/net`,
    Ports: pid === undefined ? {} : toPortMap(record.config, network),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: primary?.endpointId ?? '',
    Gateway: primary?.gateway ?? '',
    GlobalIPv6Address: primary?.ipv6Address ?? '',
    GlobalIPv6PrefixLen: primary?.ipv6PrefixLength ?? 0,
    IPAddress: primary?.address ?? '',
    IPPrefixLen: primary?.prefixLength ?? 0,
    IPv6Gateway: primary?.ipv6Gateway ?? '',
    MacAddress: primary?.macAddress ?? '',
    Networks: toNetworksJson(record, network),
  };
}

/** Exposed ports without a host port are `null`. */
function toPortMap(
  config: ContainerConfig,
  network: ContainerNetwork,
): Record<string, PortBindingJson[] | null> {
  const map = new Map<string, PortBindingJson[] | null>();
  for (const key of config.exposedPorts) map.set(key, null);
  for (const port of network.ports) {
    const key = `${port.containerPort}/${port.protocol}`;
    const bindings = map.get(key) ?? [];
    bindings.push({ HostIp: port.hostAddress, HostPort: String(port.hostPort) });
    map.set(key, bindings);
  }
  return Object.fromEntries(map);
}

/** `Ports` of the list: what is published, then what is only exposed, in the order of the container's ports. */
export function toPortsJson(record: Place, network: ContainerNetwork): PortJson[] {
  if (!isRunning(record.state)) return [];
  const published = network.ports.map((port) => ({
    IP: port.hostAddress,
    PrivatePort: port.containerPort,
    PublicPort: port.hostPort,
    Type: port.protocol,
  }));
  const isPublished = new Set(published.map(({ PrivatePort, Type }) => `${PrivatePort}/${Type}`));
  const exposed = record.config.exposedPorts
    .filter((key) => !isPublished.has(key))
    .map((key) => ({ PrivatePort: Number.parseInt(key, 10), Type: key.split('/')[1] ?? 'tcp' }));
  return [...published, ...exposed].toSorted((a, b) => a.PrivatePort - b.PrivatePort);
}
