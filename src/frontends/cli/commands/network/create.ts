import { invalid } from '../../../../foundation/base/errors.ts';
import type { IpamConfigJson } from '../../../../foundation/wire/docker/network.ts';
import { defineCommand } from '../../command.ts';
import type { OptionValues } from '../../command.ts';
import { checkLabel, collectPairs } from '../../parse/key-value.ts';

const createOptions = {
  attachable: { kind: 'bool', summary: 'Enable manual container attachment' },
  'aux-address': { kind: 'map', summary: 'Auxiliary IPv4 or IPv6 addresses used by Network driver' },
  'config-from': { kind: 'string', summary: 'The network from which to copy the configuration' },
  'config-only': { kind: 'bool', summary: 'Create a configuration only network' },
  driver: { kind: 'string', short: 'd', default: 'bridge', summary: 'Driver to manage the Network' },
  gateway: { kind: 'strings', summary: 'IPv4 or IPv6 Gateway for the master subnet' },
  ingress: { kind: 'bool', summary: 'Create swarm routing-mesh network' },
  internal: { kind: 'bool', summary: 'Restrict external access to the network' },
  'ip-range': { kind: 'strings', summary: 'Allocate container ip from a sub-range' },
  'ipam-driver': { kind: 'string', default: 'default', summary: 'IP Address Management Driver' },
  'ipam-opt': { kind: 'map', summary: 'Set IPAM driver specific options' },
  ipv4: { kind: 'bool', default: true, summary: 'Enable or disable IPv4 address assignment' },
  ipv6: { kind: 'bool', summary: 'Enable or disable IPv6 address assignment' },
  label: { kind: 'list', summary: 'Set metadata on a network', check: checkLabel },
  opt: { kind: 'map', short: 'o', summary: 'Set driver specific options' },
  scope: { kind: 'string', summary: "Control the network's scope" },
  subnet: { kind: 'strings', summary: 'Subnet in CIDR format that represents a network segment' },
} as const;

export const command = defineCommand({
  name: 'network create',
  summary: 'Create a network',
  usage: 'NETWORK',
  options: createOptions,
  args: { min: 1, max: 1 },
  examples: [
    'silo network create back',
    'silo network create --subnet 10.9.0.0/24 --gateway 10.9.0.1 --ipv6=false office',
    'silo network create --internal vault',
  ],
  async run({ options, args, given, io, client }) {
    const created = await (
      await client()
    ).networks.create({
      Name: args[0] ?? '',
      Driver: options.driver,
      Options: collectPairs(options.opt),
      Labels: collectPairs(options.label),
      Internal: options.internal,
      Attachable: options.attachable,
      Ingress: options.ingress,
      Scope: options.scope,
      ConfigOnly: options['config-only'],
      IPAM: {
        Driver: options['ipam-driver'],
        Options: collectPairs(options['ipam-opt']),
        Config: pools(options),
      },
      ...(options['config-from'] === '' ? {} : { ConfigFrom: { Network: options['config-from'] } }),
      ...(given.has('ipv4') ? { EnableIPv4: options.ipv4 } : {}),
      ...(given.has('ipv6') ? { EnableIPv6: options.ipv6 } : {}),
    });
    if (created.Warning !== '') io.stderr.write(`WARNING: ${created.Warning}\n`);
    io.stdout.write(`${created.Id}\n`);
    return 0;
  },
});

/** One pool for each subnet; ranges and gateways go to the subnet of their place in the list, as the daemon checks. */
function pools(options: OptionValues<typeof createOptions>): IpamConfigJson[] {
  const { subnet, gateway } = options;
  const ranges = options['ip-range'];
  if (subnet.length < ranges.length || subnet.length < gateway.length)
    throw invalid('every ip-range or gateway must have a corresponding subnet');
  return subnet.map((text, index) => ({
    Subnet: text,
    ...(ranges[index] === undefined ? {} : { IPRange: ranges[index] }),
    ...(gateway[index] === undefined ? {} : { Gateway: gateway[index] }),
    ...(index === 0 && options['aux-address'].length > 0
      ? { AuxiliaryAddresses: collectPairs(options['aux-address']) }
      : {}),
  }));
}
