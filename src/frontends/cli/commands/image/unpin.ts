import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'image unpin',
  summary: 'Let background cleaning remove images again',
  usage: 'IMAGE [IMAGE...]',
  options: {},
  args: { min: 1 },
  completion: 'images',
  examples: ['silo image unpin postgres:17'],
  async run({ args, io, client }) {
    const { images } = await client();
    for (const name of args) {
      await images.unpin(name);
      io.stdout.write(`${name}\n`);
    }
    return 0;
  },
});
