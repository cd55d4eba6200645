import { defineCommand } from '../command.ts';
import { forEachTarget } from '../output/targets.ts';

export const command = defineCommand({
  name: 'unpause',
  summary: 'Unpause all processes within one or more containers',
  usage: 'CONTAINER [CONTAINER...]',
  aliases: ['container unpause', 'unpause'],
  options: {},
  args: { min: 1 },
  completion: 'running-containers',
  examples: ['silo unpause web'],
  run: (invocation) => forEachTarget(invocation, (client, id) => client.containers.unpause(id)),
});
