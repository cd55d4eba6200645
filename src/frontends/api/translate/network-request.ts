import { isIP } from 'node:net';
import { checkExtraHost } from './extra-host.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import type {
  ContainerConfigJson,
  EndpointSettingsJson,
  HostConfigJson,
  NetworkingConfigJson,
  PortMapJson,
} from '../../../foundation/wire/docker/container-config.ts';
import type { EndpointRequest, LinkRequest, NetworkRequest } from '../../../engine/container/config.ts';
import { conflicting, defined, isEmpty } from './refuse.ts';

/** Names that clients use for the default network. */
const defaultNames = new Set(['', 'default', 'bridge']);

export interface NetworkWords {
  config: ContainerConfigJson;
  host: HostConfigJson;
  networking: NetworkingConfigJson | null | undefined;
}

/** Everything that a request says about the network, from the three places where Docker's API has it. */
export function toNetworkRequest({ config, host, networking }: NetworkWords): NetworkRequest {
  checkAddresses(config, networking);
  const { mode, asked } = chooseNetworks(config, host, networking);
  checkMode(mode, config, host);
  const endpoints = Object.fromEntries(
    asked.map(([name, endpoint], index) => [
      name,
      toEndpointRequest({
        ...endpoint,
        // The older place of the address is that of the first network.
        MacAddress: endpoint.MacAddress || (index === 0 ? (config.MacAddress ?? '') : ''),
      }),
    ]),
  );
  return defined<NetworkRequest>({
    mode,
    ports: toPorts(host.PortBindings ?? {}),
    publishAll: host.PublishAllPorts ?? false,
    dns: checked(host.Dns, (word) => isIP(word) !== 0, 'invalid IP address in dns'),
    dnsSearch: checked(host.DnsSearch, isWord, 'invalid dns-search'),
    dnsOptions: checked(host.DnsOptions, isWord, 'invalid dns-option'),
    extraHosts: (host.ExtraHosts ?? []).map(checkExtraHost),
    links: defaultNames.has(mode) ? (host.Links ?? []).map(toLink) : [],
    endpoints,
  });
}

/** Two places for the hardware address must not contradict each other. */
function checkAddresses(
  { MacAddress }: ContainerConfigJson,
  networking: NetworkingConfigJson | null | undefined,
): void {
  const [first] = Object.values(networking?.EndpointsConfig ?? {});
  if (MacAddress && first?.MacAddress && first.MacAddress !== MacAddress)
    throw invalid(
      'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
      { code: 'bad-mac-address' },
    );
}

const hasOwnPlace = (mode: string): boolean =>
  mode !== 'none' && mode !== 'host' && !mode.startsWith('container:');

/** The mode, and the networks with what is asked of each, that of the mode first. */
function chooseNetworks(
  config: ContainerConfigJson,
  host: HostConfigJson,
  networking: NetworkingConfigJson | null | undefined,
): { mode: string; asked: [string, EndpointSettingsJson][] } {
  const wanted = host.NetworkMode ?? '';
  const entries = Object.entries(networking?.EndpointsConfig ?? {}).map(
    ([name, endpoint]): [string, EndpointSettingsJson] => [
      defaultNames.has(name) ? 'bridge' : name,
      endpoint ?? {},
    ],
  );
  if (config.NetworkDisabled && defaultNames.has(wanted)) return { mode: 'none', asked: [] };
  // Networks that are only named among the endpoints replace the default one.
  const [first] = entries;
  const onlyNamed =
    defaultNames.has(wanted) && first !== undefined && !entries.some(([name]) => name === 'bridge');
  const mode = onlyNamed ? first[0] : wanted || 'default';
  const key = defaultNames.has(mode) ? 'bridge' : mode;
  if (!hasOwnPlace(mode)) {
    const others = entries.map(([name]) => name).filter((name) => name !== mode);
    if (others.length > 0)
      throw conflicting(`container cannot be connected to network endpoints: ${others.join(', ')}`);
    // What is asked of a place that it will not have is still looked at.
    return { mode, asked: entries };
  }
  const own = entries.find(([name]) => name === key) ?? [key, {}];
  return { mode, asked: [own, ...entries.filter(([name]) => name !== key)] };
}

/** What is asked of a place on a network; the engine knows whether the network can give it. */
export function toEndpointRequest(endpoint: EndpointSettingsJson): EndpointRequest {
  const { Aliases, DriverOpts, IPAMConfig } = endpoint;
  const { IPv4Address, IPv6Address, LinkLocalIPs } = IPAMConfig ?? {};
  const empty: EndpointRequest['empty'] = [
    ...(Aliases && isEmpty(Aliases) ? (['aliases'] as const) : []),
    ...(DriverOpts && isEmpty(DriverOpts) ? (['driverOptions'] as const) : []),
    ...(IPAMConfig && isEmpty(IPAMConfig) ? (['addresses'] as const) : []),
  ];
  return defined<EndpointRequest>({
    aliases: checked(Aliases, isWord, 'invalid alias'),
    links: endpoint.Links ?? [],
    macAddress: endpoint.MacAddress || undefined,
    ipv4Address: IPv4Address || undefined,
    ipv6Address: IPv6Address || undefined,
    linkLocalAddresses: LinkLocalIPs ?? [],
    driverOptions: DriverOpts ?? {},
    gatewayPriority: endpoint.GwPriority ?? 0,
    empty: empty.length > 0 ? empty : undefined,
  });
}

/** `NAME` or `NAME:ALIAS`; of an alias with slashes the last part. On networks with names Docker does not look at them; Compose 1 always sends them. */
function toLink(word: string): LinkRequest {
  const [name = '', alias = name, ...rest] = word.replace(/^\//, '').split(':');
  const last = alias.split('/').at(-1) ?? '';
  if (name === '' || rest.length > 0 || !/^[\w.-]+$/.test(last))
    throw invalid(`bad format for links: ${word.slice(0, 80)}`, { code: 'bad-link' });
  return { name, alias: last };
}

/** Docker's conflicts between network modes and other options, in its words. */
function checkMode(mode: string, config: ContainerConfigJson, host: HostConfigJson): void {
  if (!isEmpty(host.Links)) {
    if (mode.startsWith('container:'))
      throw conflicting(
        `container type network can't be used with links. This would result in undefined behavior`,
      );
    if (mode === 'host')
      throw conflicting(
        `host type networking can't be used with links. This would result in undefined behavior`,
      );
  }
  if (!mode.startsWith('container:')) return;
  if (mode === 'container:')
    throw invalid('Invalid network mode: invalid container format container:<name|id>', {
      code: 'bad-network-mode',
    });
  if (!isEmpty(config.Hostname)) throw conflicting('hostname and the network mode');
  if (!isEmpty(host.Dns)) throw conflicting('dns and the network mode');
  if (!isEmpty(host.ExtraHosts)) throw conflicting('custom host-to-IP mapping and the network mode');
  if (!isEmpty(config.MacAddress)) throw conflicting('mac-address and the network mode');
  if (!isEmpty(host.PortBindings) || host.PublishAllPorts)
    throw conflicting('port publishing and the container type network mode');
  if (!isEmpty(config.ExposedPorts)) throw conflicting('port exposing and the container type network mode');
}

export function toPorts(bindings: PortMapJson): NetworkRequest['ports'] {
  return Object.fromEntries(
    Object.entries(bindings).map(([key, list]) => [
      parsePortKey(key),
      (list ?? []).map(({ HostIp = '', HostPort = '' }) => {
        if (HostIp !== '' && isIP(HostIp.replace(/^\[(.*)\]$/, '$1')) === 0)
          throw invalid(`invalid IP address in port binding: ${HostIp.slice(0, 80)}`, { code: 'bad-port' });
        if (HostPort !== '' && !isPort(HostPort) && !isRange(HostPort)) throw badPort(HostPort);
        return {
          hostAddress: HostIp.replace(/^\[(.*)\]$/, '$1'),
          hostPort: HostPort === '0' ? '' : HostPort,
        };
      }),
    ]),
  );
}

/** `8000-8010/tcp` to each of its ports in the form with protocol. */
export function parsePortRange(key: string): string[] {
  const match = /^(\d{1,5})-(\d{1,5})((?:\/\w+)?)$/.exec(key);
  if (!match) return [parsePortKey(key)];
  const [, first = '', last = '', protocol = ''] = match;
  if (!isPort(last) || Number(first) > Number(last))
    throw invalid(`invalid port specification: ${JSON.stringify(key)}`, { code: 'bad-port' });
  const count = Number(last) - Number(first) + 1;
  return Array.from({ length: count }, (_, i) => parsePortKey(`${Number(first) + i}${protocol}`));
}

/** `80`, `80/udp` to the form with protocol. */
function parsePortKey(key: string): string {
  const [port = '', protocol = 'tcp', ...rest] = key.split('/');
  if (!isPort(port) || port === '0' || rest.length > 0) throw badPort(port);
  const word = protocol.toLowerCase();
  if (word !== 'tcp' && word !== 'udp' && word !== 'sctp')
    throw invalid(`invalid protocol in port specification: "${key.slice(0, 80)}"`, { code: 'bad-port' });
  return `${Number(port)}/${word}`;
}

const isPort = (word: string): boolean => /^\d{1,5}$/.test(word) && Number(word) <= 65_535;
/** `8000-8010`: any free one of them. */
const isRange = (words: string): boolean => {
  const [first = '', last = '', ...rest] = words.split('-');
  return (
    rest.length === 0 && isPort(first) && isPort(last) && 0 < Number(first) && Number(first) <= Number(last)
  );
};
const isWord = (word: string): boolean => /^[\x21-\x7e]+$/.test(word);

function badPort(word: string): Error {
  return invalid(`invalid port specification: ${JSON.stringify(word.slice(0, 80))}`, { code: 'bad-port' });
}

function checked(
  list: string[] | null | undefined,
  accepts: (word: string) => boolean,
  what: string,
): string[] {
  for (const word of list ?? [])
    if (!accepts(word)) throw invalid(`${what}: ${JSON.stringify(word.slice(0, 80))}`, { code: 'bad-dns' });
  return list ?? [];
}
