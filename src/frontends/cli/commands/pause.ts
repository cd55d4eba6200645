import { defineCommand } from '../command.ts';
import { forEachTarget } from '../output/targets.ts';

export const command = defineCommand({
  name: 'pause',
  summary: 'Pause all processes within one or more containers',
  usage: 'CONTAINER [CONTAINER...]',
  aliases: ['container pause', 'pause'],
  options: {},
  args: { min: 1 },
  completion: 'running-containers',
  examples: ['silo pause web'],
  run: (invocation) => forEachTarget(invocation, (client, id) => client.containers.pause(id)),
});
