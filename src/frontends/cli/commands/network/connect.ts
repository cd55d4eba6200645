import { invalid } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';
import { collectPairs } from '../../parse/key-value.ts';

export const command = defineCommand({
  name: 'network connect',
  summary: 'Connect a container to a network',
  usage: 'NETWORK CONTAINER',
  options: {
    alias: { kind: 'strings', summary: 'Add network-scoped alias for the container' },
    'driver-opt': { kind: 'strings', summary: 'Driver options for the network' },
    'gw-priority': {
      kind: 'string',
      default: '0',
      summary: 'Highest gw-priority provides the default gateway',
    },
    ip: { kind: 'string', summary: 'IPv4 address (e.g., `172.30.100.104`)' },
    ip6: { kind: 'string', summary: 'IPv6 address (e.g., `2001:db8::33`)' },
    link: { kind: 'strings', summary: 'Add link to another container' },
    'link-local-ip': { kind: 'strings', summary: 'Add a link-local address for the container' },
  },
  args: { min: 2, max: 2 },
  examples: ['silo network connect --alias db backend postgres'],
  completion: 'networks',
  furtherCompletion: 'running-containers',
  async run({ options, args, client }) {
    const [network = '', container = ''] = args;
    const priority = options['gw-priority'];
    if (!/^-?\d{1,9}$/.test(priority))
      throw invalid(`invalid gw-priority (${priority}): want a whole number`);
    await (
      await client()
    ).networks.connect(network, {
      Container: container,
      EndpointConfig: {
        IPAMConfig: {
          ...(options.ip === '' ? {} : { IPv4Address: options.ip }),
          ...(options.ip6 === '' ? {} : { IPv6Address: options.ip6 }),
          ...(options['link-local-ip'].length === 0 ? {} : { LinkLocalIPs: options['link-local-ip'] }),
        },
        Links: options.link,
        Aliases: options.alias,
        DriverOpts: collectPairs(options['driver-opt']),
        GwPriority: Number(priority),
      },
    });
    return 0;
  },
});
