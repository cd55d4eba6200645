import { invalid } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';
import { reportError } from '../exit.ts';

export const command = defineCommand({
  name: 'rename',
  summary: 'Rename a container',
  usage: 'CONTAINER NEW_NAME',
  aliases: ['container rename', 'rename'],
  options: {},
  args: { min: 2, max: 2 },
  completion: 'containers',
  furtherCompletion: [],
  examples: ['silo rename web web-old'],
  async run({ args, client, io }) {
    const [container = '', name = ''] = args.map((word) => word.trim());
    if (container === '' || name === '') throw invalid('Error: Neither old nor new names may be empty');
    try {
      await (await client()).containers.rename(container, name);
      return 0;
    } catch (error) {
      const exitCode = reportError(io.stderr, error);
      io.stderr.write(`Error: failed to rename container named ${container}\n`);
      return exitCode;
    }
  },
});
