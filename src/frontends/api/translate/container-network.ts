import type { ContainerConfig } from '../../../engine/container/config.ts';
import type { ContainerNetwork, ContainerRecord } from '../../../engine/container/container.ts';
import { isRunning } from '../../../engine/container/state.ts';
import type {
  EndpointSettingsJson,
  PortBindingJson,
} from '../../../foundation/wire/docker/container-config.ts';
import type { NetworkSettingsJson, PortJson } from '../../../foundation/wire/docker/container.ts';

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
  if (network.networks.length === 0) return { [mode]: toEndpointJson(record.config, undefined) };
  return Object.fromEntries(
    network.networks.map((endpoint) => [endpoint.name, toEndpointJson(record.config, endpoint)]),
  );
}

function toEndpointJson(config: ContainerConfig, endpoint: EndpointView | undefined): EndpointSettingsJson {
  const { ipv4Address } = config.network;
  return {
    IPAMConfig: ipv4Address === undefined ? null : { IPv4Address: ipv4Address },
    Links: null,
    Aliases: null,
    MacAddress: endpoint?.macAddress ?? '',
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: endpoint?.networkId ?? '',
    EndpointID: endpoint?.endpointId ?? '',
    Gateway: endpoint?.gateway ?? '',
    IPAddress: endpoint?.address ?? '',
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: endpoint?.ipv6Gateway ?? '',
    GlobalIPv6Address: endpoint?.ipv6Address ?? '',
    GlobalIPv6PrefixLen: endpoint?.ipv6PrefixLength ?? 0,
    DNSNames: null,
  };
}

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
