import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'context show',
  summary: 'Print the name of the current context',
  usage: '',
  options: {},
  args: { min: 0, max: 0 },
  examples: ['silo context show'],
  run({ io, choice }) {
    io.stdout.write(`${choice.context}\n`);
    return Promise.resolve(0);
  },
});
