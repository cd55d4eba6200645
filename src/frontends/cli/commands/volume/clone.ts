import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'volume clone',
  summary: 'Copy a volume',
  description:
    'Copy a volume into a new one, or an empty one that no container uses. Files share their blocks until one of them changes, where the file system can (btrfs, XFS).',
  usage: 'VOLUME NEW-VOLUME',
  options: {},
  args: { min: 2, max: 2 },
  examples: ['silo volume clone data data-before-upgrade'],
  completion: 'volumes',
  async run({ args, client, io }) {
    const [source = '', target = ''] = args;
    const { Name } = await (await client()).volumes.clone(source, target);
    io.stdout.write(`${Name}\n`);
    return 0;
  },
});
