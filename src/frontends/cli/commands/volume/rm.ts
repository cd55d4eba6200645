import { isKind } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';
import { forEachTarget } from '../../output/targets.ts';

export const command = defineCommand({
  name: 'volume rm',
  summary: 'Remove one or more volumes',
  description: 'Remove one or more volumes. You cannot remove a volume that is in use by a container.',
  usage: 'VOLUME [VOLUME...]',
  aliases: ['volume rm', 'volume remove'],
  options: {
    force: { kind: 'bool', short: 'f', summary: 'Force the removal of one or more volumes' },
  },
  args: { min: 1 },
  completion: 'volumes',
  examples: ['silo volume rm data'],
  run: (invocation) =>
    forEachTarget(invocation, (client, name) =>
      client.volumes.remove(name, { force: invocation.options.force }).catch((error: unknown) => {
        if (!invocation.options.force || !isKind(error, 'not-found')) throw error;
      }),
    ),
});
