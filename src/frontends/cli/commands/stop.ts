import { defineCommand } from '../command.ts';
import { forEachTarget } from '../output/targets.ts';
import { ignoreDone } from '../output/ignore-done.ts';

export const command = defineCommand({
  name: 'stop',
  summary: 'Stop one or more running containers',
  usage: 'CONTAINER [CONTAINER...]',
  aliases: ['container stop', 'stop'],
  options: {
    signal: { kind: 'string', short: 's', summary: 'Signal to send to the container' },
    timeout: { kind: 'int', short: 't', summary: 'Seconds to wait before killing the container' },
  },
  args: { min: 1 },
  completion: 'running-containers',
  examples: ['silo stop web', 'silo stop -t 30 web db', 'silo stop $(silo ps -q)'],
  run: (invocation) => {
    const { options, given } = invocation;
    const how = {
      ...(given.has('timeout') ? { timeoutSeconds: options.timeout } : {}),
      ...(given.has('signal') ? { stopSignal: options.signal } : {}),
    };
    return forEachTarget(invocation, (client, id) => client.containers.stop(id, how).catch(ignoreDone), {
      atOnce: true,
    });
  },
});
