import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'image pin',
  summary: 'Keep images from background cleaning',
  usage: 'IMAGE [IMAGE...]',
  options: {},
  args: { min: 1 },
  completion: 'images',
  examples: ['silo image pin postgres:17'],
  async run({ args, io, client }) {
    const { images } = await client();
    for (const name of args) {
      await images.pin(name);
      io.stdout.write(`${name}\n`);
    }
    return 0;
  },
});
