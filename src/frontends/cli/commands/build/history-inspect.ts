import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'build history inspect',
  summary: 'Show what is known of a build',
  usage: 'BUILD',
  options: {},
  args: { min: 1, max: 1 },
  examples: ['silo build history inspect 3f2a'],
  async run({ args: [id = ''], io, client }) {
    const record = await (await client()).builds.record(id);
    io.stdout.write(`${JSON.stringify(record, undefined, 4)}\n`);
    return 0;
  },
});
