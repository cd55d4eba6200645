import { defineCommand } from '../command.ts';
import { forEachTarget } from '../output/targets.ts';

export const command = defineCommand({
  name: 'kill',
  summary: 'Kill one or more running containers',
  usage: 'CONTAINER [CONTAINER...]',
  aliases: ['container kill', 'kill'],
  options: {
    signal: { kind: 'string', short: 's', summary: 'Signal to send to the container' },
  },
  args: { min: 1 },
  completion: 'running-containers',
  examples: ['silo kill web', 'silo kill -s HUP web'],
  run: (invocation) =>
    forEachTarget(
      invocation,
      (client, id) =>
        client.containers.kill(
          id,
          invocation.given.has('signal') ? { killSignal: invocation.options.signal } : {},
        ),
      { atOnce: true },
    ),
});
