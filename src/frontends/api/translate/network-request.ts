import { isIP } from 'node:net';
import { invalid } from '../../../foundation/base/errors.ts';
import type {
  ContainerConfigJson,
  EndpointSettingsJson,
  HostConfigJson,
  NetworkingConfigJson,
  PortMapJson,
} from '../../../foundation/wire/docker/container-config.ts';
import type { NetworkRequest } from '../../../engine/container/config.ts';
import { conflicting, defined, isEmpty, refused, refuseUnless } from './refuse.ts';

/** Names that clients use for the default network. */
const defaultNames = new Set(['', 'default', 'bridge']);

export interface NetworkWords {
  config: ContainerConfigJson;
  host: HostConfigJson;
  networking: NetworkingConfigJson | null | undefined;
}

/** Everything that a request says about the network, from the three places where Docker's API has it. */
export function toNetworkRequest({ config, host, networking }: NetworkWords): NetworkRequest {
  const { mode, endpoint } = chooseNetwork(config, host, networking);
  checkMode(mode, config, host);
  const macAddress = endpoint?.MacAddress || config.MacAddress || undefined;
  if (macAddress !== undefined && !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(macAddress))
    throw invalid(`invalid config for network ${mode}: invalid MAC address ${macAddress.slice(0, 80)}`, {
      code: 'bad-mac-address',
    });
  return defined<NetworkRequest>({
    mode,
    ports: toPorts(host.PortBindings ?? {}),
    publishAll: host.PublishAllPorts ?? false,
    dns: checked(host.Dns, (word) => isIP(word) !== 0, 'invalid IP address in dns'),
    dnsSearch: checked(host.DnsSearch, isWord, 'invalid dns-search'),
    dnsOptions: checked(host.DnsOptions, isWord, 'invalid dns-option'),
    extraHosts: (host.ExtraHosts ?? []).map(checkExtraHost),
    links: [],
    macAddress,
    ipv4Address: endpoint ? ipv4Of(mode, endpoint) : undefined,
  });
}

function chooseNetwork(
  config: ContainerConfigJson,
  host: HostConfigJson,
  networking: NetworkingConfigJson | null | undefined,
): { mode: string; endpoint: EndpointSettingsJson | undefined } {
  const asked = host.NetworkMode ?? '';
  const entries = Object.entries(networking?.EndpointsConfig ?? {});
  if (config.NetworkDisabled && defaultNames.has(asked)) return { mode: 'none', endpoint: undefined };
  const [first, ...further] = entries;
  const isSame = (name: string): boolean =>
    name === asked || (defaultNames.has(name) && defaultNames.has(asked));
  if (first === undefined) return { mode: asked || 'default', endpoint: undefined };
  // A network that is only named among the endpoints replaces the default one.
  const mode = defaultNames.has(asked) && !isSame(first[0]) ? first[0] : asked || 'default';
  refuseUnless(
    further.length === 0 && (mode === first[0] || isSame(first[0])),
    'NetworkingConfig.EndpointsConfig with more than one network',
  );
  const endpoint = first[1] ?? undefined;
  if (endpoint) refuseEndpointParts(mode, endpoint);
  return { mode, endpoint };
}

function refuseEndpointParts(mode: string, endpoint: EndpointSettingsJson): void {
  const field = 'NetworkingConfig.EndpointsConfig';
  if (!isEmpty(endpoint.Aliases)) {
    if (defaultNames.has(mode))
      throw invalid('network-scoped aliases are only supported for user-defined networks', {
        code: 'alias-on-default-network',
      });
    throw refused(`${field}.Aliases`);
  }
  refuseUnless(isEmpty(endpoint.Links), `${field}.Links`);
  refuseUnless(isEmpty(endpoint.DriverOpts), `${field}.DriverOpts`);
  refuseUnless(isEmpty(endpoint.GwPriority), `${field}.GwPriority`);
  refuseUnless(isEmpty(endpoint.IPAMConfig?.IPv6Address), `${field}.IPAMConfig.IPv6Address`);
  refuseUnless(isEmpty(endpoint.IPAMConfig?.LinkLocalIPs), `${field}.IPAMConfig.LinkLocalIPs`);
}

function ipv4Of(mode: string, endpoint: EndpointSettingsJson): string | undefined {
  const address = endpoint.IPAMConfig?.IPv4Address || undefined;
  if (address === undefined) return undefined;
  if (isIP(address) !== 4)
    throw invalid(`invalid config for network ${mode}: invalid IPv4 address: ${address.slice(0, 80)}`, {
      code: 'bad-address',
    });
  return address;
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
    throw refused('HostConfig.Links', 'put both containers on a network and use the name of the other');
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

function toPorts(bindings: PortMapJson): NetworkRequest['ports'] {
  return Object.fromEntries(
    Object.entries(bindings).map(([key, list]) => [
      parsePortKey(key),
      (list ?? []).map(({ HostIp = '', HostPort = '' }) => {
        if (HostIp !== '' && isIP(HostIp.replace(/^\[(.*)\]$/, '$1')) === 0)
          throw invalid(`invalid IP address in port binding: ${HostIp.slice(0, 80)}`, { code: 'bad-port' });
        if (/^\d+-\d+$/.test(HostPort))
          throw refused(`a range of host ports for one container port (${HostPort})`);
        if (HostPort !== '' && !isPort(HostPort)) throw badPort(HostPort);
        return {
          hostAddress: HostIp.replace(/^\[(.*)\]$/, '$1'),
          hostPort: HostPort === '0' ? '' : HostPort,
        };
      }),
    ]),
  );
}

/** `80`, `80/udp` to the form with protocol. */
export function parsePortKey(key: string): string {
  const [port = '', protocol = 'tcp', ...rest] = key.split('/');
  if (!isPort(port) || port === '0' || rest.length > 0) throw badPort(port);
  const word = protocol.toLowerCase();
  if (word !== 'tcp' && word !== 'udp' && word !== 'sctp')
    throw invalid(`invalid protocol in port specification: "${key.slice(0, 80)}"`, { code: 'bad-port' });
  return `${Number(port)}/${word}`;
}

const isPort = (word: string): boolean => /^\d{1,5}$/.test(word) && Number(word) <= 65_535;
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

/** `name:address`, or `name:host-gateway`. */
function checkExtraHost(entry: string): string {
  const colon = entry.indexOf(':');
  const name = entry.slice(0, colon);
  if (colon < 1 || !isWord(name))
    throw invalid(`bad format for add-host: ${JSON.stringify(entry.slice(0, 80))}`, { code: 'bad-host' });
  const address = entry.slice(colon + 1).replace(/^\[(.*)\]$/, '$1');
  if (address !== 'host-gateway' && isIP(address) === 0)
    throw invalid(`invalid IP address in add-host: ${JSON.stringify(address.slice(0, 80))}`, {
      code: 'bad-host',
    });
  return `${name}:${address}`;
}
