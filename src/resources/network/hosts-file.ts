import { findIpAddress } from '../../foundation/base/ip-address.ts';
import { invalid } from '../../foundation/base/errors.ts';

/** Names under which programs look for the machine that runs the engine. */
const hostNames = ['host.docker.internal', 'host.containers.internal'];

export interface HostsFileRequest {
  hostname: string;
  domainname?: string;
  /** Of the container, each gets a line with its name. */
  addresses: readonly string[];
  /** `NAME:ADDRESS` as `--add-host` takes them; the address may be `host-gateway`. */
  extraHosts?: readonly string[];
  /** Lines of other containers, with their newlines. */
  links?: readonly string[];
  /** Where the host is reached from inside; none on networks without a way to it. */
  hostGateway?: string;
}

const fixedLines = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** The text of the container's `/etc/hosts` (hosts(5)). */
export function renderHostsFile(request: HostsFileRequest): string {
  const extra = (request.extraHosts ?? []).map((text) => parseExtraHost(text, request.hostGateway));
  const given = new Set(extra.map(({ name }) => name.toLowerCase()));
  const names = hostNames.filter((name) => !given.has(name));
  const lines = [
    ...fixedLines,
    ...(request.hostGateway && names.length > 0 ? [`${request.hostGateway}\t${names.join(' ')}`] : []),
    ...extra.map(({ name, address }) => `${address}\t${name}`),
  ];
  return [
    ...lines.map((line) => `${line}\n`),
    ...(request.links ?? []),
    ...request.addresses.map((address) => hostsLine(address, request)),
  ].join('');
}

/** The line of one address of the container, with its newline. */
export function hostsLine(
  address: string,
  { hostname, domainname }: Pick<HostsFileRequest, 'hostname' | 'domainname'>,
): string {
  return `${address}\t${domainname ? `${hostname}.${domainname} ${hostname}` : hostname}\n`;
}

/** `name:address` or `name=address`; IPv6 with or without brackets. Refuses what would start a line of its own. */
function parseExtraHost(text: string, hostGateway?: string): { name: string; address: string } {
  const match = /^([^\s:=#]+)[:=]\s*(.+)$/.exec(text);
  const name = match?.[1];
  const wanted = match?.[2]?.replace(/^\[(.*)\]$/, '$1') ?? '';
  if (!name)
    throw invalid(`bad format for add-host: ${JSON.stringify(text.slice(0, 200))}`, {
      hint: 'write it as NAME:ADDRESS',
    });
  if (wanted === 'host-gateway') {
    if (!hostGateway)
      throw invalid('unable to derive the IP value for host-gateway', {
        hint: 'this network has no way to the host; give an address',
      });
    return { name, address: hostGateway };
  }
  if (!findIpAddress(wanted))
    throw invalid(`invalid IP address in add-host: ${JSON.stringify(wanted.slice(0, 80))}`);
  return { name, address: wanted };
}
