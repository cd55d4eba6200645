import type { NetworkQueries } from '../../../engine/host/engine.ts';
import { forbidden, invalid, notFound } from '../../../foundation/base/errors.ts';
import type {
  IpamConfigJson,
  NetworkContainerJson,
  NetworkCreateBody,
  NetworkJson,
} from '../../../foundation/wire/docker/network.ts';
import type {
  CreateNetwork,
  IpamBlock,
  IpamRequest,
  NetworkInfo,
} from '../../../resources/network/network.ts';
import { since } from '../versions.ts';
import { defined } from './refuse.ts';
import { formatTime } from './times.ts';

type Member = ReturnType<NetworkQueries['members']>[number];

/** Members are shown by inspect only, as in Docker. */
export function toNetworkJson(network: NetworkInfo, members: readonly Member[], minor: number): NetworkJson {
  return {
    Name: network.name,
    Id: network.id,
    Created: formatTime(network.createdAtMs),
    Scope: network.scope,
    Driver: network.driver,
    ...(minor < since.enableIpv4 ? {} : { EnableIPv4: network.enableIpv4 }),
    EnableIPv6: network.enableIpv6,
    IPAM: {
      Driver: 'default',
      Options: network.ipamOptions ?? null,
      Config: network.ipam.length === 0 ? null : inOrder(network.ipam).map(toIpamJson),
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: network.configFrom ?? '' },
    ConfigOnly: network.configOnly ?? false,
    Containers: Object.fromEntries(members.map((member) => [member.containerId, toMember(member)])),
    Options: network.options,
    Labels: network.labels,
  };
}

/** IPv4 first, whatever the order of the request. */
const inOrder = (blocks: readonly IpamBlock[]): IpamBlock[] =>
  blocks.toSorted((a, b) => Number(a.subnet.includes(':')) - Number(b.subnet.includes(':')));

/** A gateway that follows from the subnet is not shown, as in Docker. */
function toIpamJson({ subnet, gateway, ipRange, auxiliary, automaticGateway }: IpamBlock): IpamConfigJson {
  return {
    Subnet: subnet,
    ...(ipRange === undefined ? {} : { IPRange: ipRange }),
    ...(automaticGateway ? {} : { Gateway: gateway }),
    ...(auxiliary === undefined ? {} : { AuxiliaryAddresses: auxiliary }),
  };
}

function toMember(member: Member): NetworkContainerJson {
  return {
    Name: member.name,
    EndpointID: member.endpointId,
    MacAddress: member.macAddress,
    IPv4Address: member.ipv4,
    IPv6Address: member.ipv6,
  };
}

const drivers = ['bridge', 'macvlan', 'ipvlan'] as const;

/** Checks with Docker's texts; what has no meaning here is refused by name. `Attachable` concerns swarm networks only and is kept. */
export function toCreateNetwork(body: NetworkCreateBody): CreateNetwork {
  const { Name = '', Driver = '' } = body;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(Name))
    throw invalid(`invalid name: ${Name.slice(0, 80)}`, { code: 'bad-network-name' });
  const driver = Driver === '' || Driver === 'default' ? 'bridge' : drivers.find((known) => known === Driver);
  if (driver === undefined) throw noDriver(Driver);
  checkScope(body);
  const ipamDriver = body.IPAM?.Driver ?? '';
  if (ipamDriver !== '' && ipamDriver !== 'default') throw noPlugin(ipamDriver, 'default');
  const ipam = (body.IPAM?.Config ?? []).map(toIpamRequest);
  return defined<CreateNetwork>({
    name: Name,
    driver,
    internal: body.Internal,
    attachable: body.Attachable || undefined,
    enableIpv4: body.EnableIPv4 ?? undefined,
    enableIpv6: body.EnableIPv6 ?? undefined,
    ipamOptions: body.IPAM?.Options ?? undefined,
    configOnly: body.ConfigOnly || undefined,
    configFrom: body.ConfigFrom?.Network || undefined,
    ipam: ipam.length === 0 ? undefined : ipam,
    options: body.Options ?? undefined,
    labels: body.Labels ?? undefined,
  });
}

/** Networks of swarms are told so; a scope that nobody knows is refused. */
function checkScope({ Scope = '', Ingress }: NetworkCreateBody): void {
  if (Ingress)
    throw forbidden('Ingress network can only be global scope network', {
      code: 'no-swarm',
      hint: 'ports are published without it: silo run -p',
    });
  if (Scope === 'swarm')
    throw forbidden('cannot create a swarm scoped network when swarm is not active', {
      code: 'no-swarm',
      hint: 'a network of scope local joins the containers of this host',
    });
  if (Scope !== '' && Scope !== 'local')
    throw invalid(`invalid scope ${JSON.stringify(Scope.slice(0, 80))}: networks are local`, {
      code: 'bad-scope',
    });
}

function noDriver(driver: string): Error {
  if (driver === 'host' || driver === 'null' || driver === 'none')
    return forbidden(`only one instance of "${driver}" network is allowed`, { code: 'one-instance' });
  if (driver === 'overlay')
    return forbidden(
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
      { code: 'no-swarm', hint: 'a bridge network joins the containers of this host' },
    );
  return noPlugin(driver, drivers.join(', '));
}

function noPlugin(name: string, known: string): Error {
  return notFound(`plugin "${name.slice(0, 80)}" not found`, {
    code: 'no-such-driver',
    hint: `drivers: ${known}`,
  });
}

function toIpamRequest({ Subnet, IPRange, Gateway, AuxiliaryAddresses }: IpamConfigJson): IpamRequest {
  if (!Subnet && (IPRange || Gateway))
    throw invalid('invalid network config:\nevery ip-range or gateway must have a corresponding subnet', {
      code: 'no-subnet',
    });
  return defined<IpamRequest>({
    subnet: Subnet || undefined,
    ipRange: IPRange || undefined,
    gateway: Gateway || undefined,
    auxiliary: AuxiliaryAddresses ?? undefined,
  });
}
