import { defineCommand } from '../../command.ts';
import { formatShortOption } from '../../output/option-specs.ts';
import { inspectAll } from '../../output/inspect-all.ts';

export const command = defineCommand({
  name: 'volume inspect',
  summary: 'Display detailed information on one or more volumes',
  usage: 'VOLUME [VOLUME...]',
  options: {
    format: formatShortOption,
  },
  args: { min: 1 },
  completion: 'volumes',
  examples: ['silo volume inspect data', "silo volume inspect -f '{{.Mountpoint}}' data"],
  run: (invocation) => inspectAll(invocation, (client, name) => client.volumes.inspect(name)),
});
