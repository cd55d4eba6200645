import { isKind } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';
import { forEachTarget } from '../../output/targets.ts';

export const command = defineCommand({
  name: 'network rm',
  summary: 'Remove one or more networks',
  usage: 'NETWORK [NETWORK...]',
  aliases: ['network rm', 'network remove'],
  options: {
    force: { kind: 'bool', short: 'f', summary: 'Do not error if the network does not exist' },
  },
  args: { min: 1 },
  completion: 'networks',
  examples: ['silo network rm back'],
  run: (invocation) =>
    forEachTarget(invocation, (client, name) =>
      client.networks.remove(name).catch((error: unknown) => {
        if (!invocation.options.force || !isKind(error, 'not-found')) throw error;
      }),
    ),
});
