import { invalid } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';

const letters = ['C', 'A', 'D'] as const;

export const command = defineCommand({
  name: 'diff',
  summary: "Inspect changes to files or directories on a container's filesystem",
  usage: 'CONTAINER',
  aliases: ['container diff', 'diff'],
  options: {},
  args: { min: 1, max: 1 },
  examples: ['silo diff web'],
  completion: 'containers',
  async run({ args, client, io }) {
    const [container = ''] = args;
    if (container === '') throw invalid('Container name cannot be empty');
    const changes = await (await client()).containers.changes(container);
    io.stdout.write(changes.map(({ Kind, Path }) => `${letters[Kind]} ${Path}\n`).join(''));
    return 0;
  },
});
