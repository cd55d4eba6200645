import type { NetworkQueries } from '../../../engine/host/engine.ts';
import { invalid, notFound } from '../../../foundation/base/errors.ts';
import type {
  NetworkContainerJson,
  NetworkCreateBody,
  NetworkJson,
} from '../../../foundation/wire/docker/network.ts';
import type { CreateNetwork, NetworkInfo } from '../../../resources/network/network.ts';
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
      Config:
        network.ipam.length === 0
          ? null
          : network.ipam.map(({ subnet, gateway }) => ({ Subnet: subnet, Gateway: gateway })),
    },
    Internal: network.internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(members.map((member) => [member.containerId, toMember(member)])),
    Options: network.options,
    Labels: network.labels,
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

/** Checks with Docker's texts; what has no meaning here yet is refused by name. `Attachable` concerns swarm networks only. */
export function toCreateNetwork(body: NetworkCreateBody): CreateNetwork {
  const { Name = '', Driver = '' } = body;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(Name))
    throw invalid(`invalid name: ${Name.slice(0, 80)}`, { code: 'bad-network-name' });
  if (Driver !== '' && Driver !== 'bridge' && Driver !== 'default')
    throw notFound(`plugin "${Driver.slice(0, 80)}" not found`, {
      code: 'no-such-driver',
      hint: 'networks are of the driver bridge',
    });
  refuseUnless(body.Scope === undefined || ['', 'local'].includes(body.Scope), 'Scope');
  refuseUnless(!body.Ingress, 'Ingress');
  refuseUnless(!body.ConfigOnly, 'ConfigOnly');
  refuseUnless(isEmpty(body.ConfigFrom?.Network), 'ConfigFrom');
  refuseUnless(body.EnableIPv4 !== false, 'EnableIPv4=false');
  refuseUnless(['', 'default'].includes(body.IPAM?.Driver ?? ''), 'IPAM.Driver');
  refuseUnless(isEmpty(body.IPAM?.Options), 'IPAM.Options');
  const [first, ...further] = body.IPAM?.Config ?? [];
  refuseUnless(further.length === 0, 'IPAM.Config with more than one subnet');
  refuseUnless(isEmpty(first?.IPRange), 'IPAM.Config.IPRange');
  refuseUnless(isEmpty(first?.AuxiliaryAddresses), 'IPAM.Config.AuxiliaryAddresses');
  return defined<CreateNetwork>({
    name: Name,
    driver: 'bridge',
    internal: body.Internal,
    enableIpv6: body.EnableIPv6 ?? undefined,
    subnet: first?.Subnet || undefined,
    gateway: first?.Gateway || undefined,
    options: body.Options ?? undefined,
    labels: body.Labels ?? undefined,
  });
}
