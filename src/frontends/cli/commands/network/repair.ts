import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'network repair',
  summary: 'Put bridges, their members and the firewall rules back as they should be',
  usage: '',
  options: {},
  args: { min: 0, max: 0 },
  examples: ['silo network repair'],
  async run({ client }) {
    await (await client()).networks.repair();
    return 0;
  },
});
