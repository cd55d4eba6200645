import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'network disconnect',
  summary: 'Disconnect a container from a network',
  usage: 'NETWORK CONTAINER',
  options: {
    force: { kind: 'bool', short: 'f', summary: 'Force the container to disconnect from a network' },
  },
  args: { min: 2, max: 2 },
  completion: 'networks',
  furtherCompletion: 'running-containers',
  examples: ['silo network disconnect back web'],
  async run({ options, args, client }) {
    const [network = '', container = ''] = args;
    await (await client()).networks.disconnect(network, { Container: container, Force: options.force });
    return 0;
  },
});
