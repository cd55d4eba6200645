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
import { defined, isEmpty, refuseUnless } from './refuse.ts';
import { formatTime } from './times.ts';

type Member = ReturnType<NetworkQueries['members']>[number];

/** Members are shown by inspect only, as in Docker. */
export function toNetworkJson(network: NetworkInfo, members: readonly Member[]): NetworkJson {
  return {
    Name: network.name,
    Id: network.id,
    Created: formatTime(network.createdAtMs),
    Scope: network.scope,
    Driver: network.driver,
    EnableIPv4: network.enableIpv4,
    EnableIPv6: network.enableIpv6,
    IPAM: {
      Driver: 'default',
      Options: null,
      Config: network.ipam.length === 0 ? null : network.ipam.map(toIpamJson),
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(members.map((member) => [member.containerId, toMember(member)])),
    Options: network.options,
    Labels: network.labels,
  };
}

function toIpamJson({ subnet, gateway, ipRange, auxiliary }: IpamBlock): IpamConfigJson {
  return {
    Subnet: subnet,
    ...(ipRange === undefined ? {} : { IPRange: ipRange }),
    Gateway: gateway,
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
  refuseUnless(body.Scope === undefined || ['', 'local'].includes(body.Scope), 'Scope');
  refuseUnless(!body.Ingress, 'Ingress');
  refuseUnless(!body.ConfigOnly, 'ConfigOnly');
  refuseUnless(isEmpty(body.ConfigFrom?.Network), 'ConfigFrom');
  refuseUnless(body.EnableIPv4 !== false, 'EnableIPv4=false');
  refuseUnless(['', 'default'].includes(body.IPAM?.Driver ?? ''), 'IPAM.Driver');
  refuseUnless(isEmpty(body.IPAM?.Options), 'IPAM.Options');
  const ipam = (body.IPAM?.Config ?? []).map(toIpamRequest);
  return defined<CreateNetwork>({
    name: Name,
    driver,
    internal: body.Internal,
    attachable: body.Attachable || undefined,
    enableIpv6: body.EnableIPv6 ?? undefined,
    ipam: ipam.length === 0 ? undefined : ipam,
    options: body.Options ?? undefined,
    labels: body.Labels ?? undefined,
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
  return notFound(`plugin "${driver.slice(0, 80)}" not found`, {
    code: 'no-such-driver',
    hint: `drivers: ${drivers.join(', ')}`,
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
