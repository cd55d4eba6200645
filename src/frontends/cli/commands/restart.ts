import { defineCommand } from '../command.ts';
import { forEachTarget } from '../output/targets.ts';
import { ignoreDone } from '../output/ignore-done.ts';

export const command = defineCommand({
  name: 'restart',
  summary: 'Restart one or more containers',
  usage: 'CONTAINER [CONTAINER...]',
  aliases: ['container restart', 'restart'],
  options: {
    signal: { kind: 'string', short: 's', summary: 'Signal to send to the container' },
    timeout: { kind: 'int', short: 't', summary: 'Seconds to wait before killing the container' },
  },
  args: { min: 1 },
  completion: 'containers',
  examples: ['silo restart web', 'silo restart -t 30 web'],
  run: (invocation) => {
    const { options, given } = invocation;
    const how = {
      ...(given.has('timeout') ? { timeoutSeconds: options.timeout } : {}),
      ...(given.has('signal') ? { stopSignal: options.signal } : {}),
    };
    return forEachTarget(invocation, (client, id) => client.containers.restart(id, how).catch(ignoreDone), {
      atOnce: true,
    });
  },
});
