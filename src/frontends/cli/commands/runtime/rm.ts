import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'runtime rm',
  summary: 'Remove an OCI runtime that was kept with the engine',
  usage: 'NAME',
  options: {},
  args: { min: 1, max: 1 },
  examples: ['silo runtime rm runc-next'],
  async run({ args, client, io }) {
    const [name = ''] = args;
    await (await client()).system.removeRuntime(name);
    io.stdout.write(`${name}\n`);
    return 0;
  },
});
