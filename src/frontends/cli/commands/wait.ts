import { defineCommand } from '../command.ts';
import { forEachTarget } from '../output/targets.ts';
import { exitCodeOf } from '../streams/exit-status.ts';

export const command = defineCommand({
  name: 'wait',
  summary: 'Block until one or more containers stop, then print their exit codes',
  usage: 'CONTAINER [CONTAINER...]',
  aliases: ['container wait', 'wait'],
  options: {},
  args: { min: 1 },
  completion: 'running-containers',
  examples: ['silo wait job', 'code=$(silo wait job)'],
  run: (invocation) =>
    forEachTarget(invocation, async (client, id) => {
      const { exit } = await client.containers.wait(id);
      return String(exitCodeOf(invocation.io, await exit));
    }),
});
