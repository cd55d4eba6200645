import { defineCommand } from '../command.ts';
import { isKind } from '../../../foundation/base/errors.ts';
import { errorText } from '../exit.ts';
import { forEachTarget } from '../output/targets.ts';

export const command = defineCommand({
  name: 'rm',
  summary: 'Remove one or more containers',
  usage: 'CONTAINER [CONTAINER...]',
  aliases: ['container rm', 'container remove', 'rm'],
  options: {
    force: { kind: 'bool', short: 'f', summary: 'Force the removal of a running container (uses SIGKILL)' },
    link: { kind: 'bool', short: 'l', summary: 'Remove the specified link' },
    volumes: { kind: 'bool', short: 'v', summary: 'Remove anonymous volumes associated with the container' },
  },
  args: { min: 1 },
  completion: 'containers',
  examples: ['silo rm web', 'silo rm -f -v web', 'silo rm $(silo ps -aq --filter status=exited)'],
  run: (invocation) => {
    const { force, link, volumes } = invocation.options;
    return forEachTarget(
      invocation,
      (client, id) =>
        client.containers.remove(id.replace(/^\/+/, ''), { force, link, volumes }).catch((error: unknown) => {
          // Removal by force of what is not there has reached its aim.
          if (!force || !isKind(error, 'not-found')) throw error;
          invocation.io.stderr.write(`${errorText(error)}\n`);
          return '';
        }),
      { atOnce: true },
    );
  },
});
