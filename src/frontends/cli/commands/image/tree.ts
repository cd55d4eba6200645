import { defineCommand } from '../../command.ts';
import { formatLayerTree } from '../../output/layer-tree.ts';

export const command = defineCommand({
  name: 'image tree',
  summary: 'Show the layers of images as a tree, and what they share',
  usage: '[IMAGE...]',
  options: {
    'no-trunc': { kind: 'bool', summary: "Don't truncate output" },
  },
  args: { min: 0 },
  examples: ['silo image tree', 'silo image tree app:v1 app:v2'],
  completion: 'images',
  async run({ options, args, io, client: connect }) {
    const client = await connect();
    const all = await client.images.layers();
    const wanted = new Set<string>();
    for (const name of args) wanted.add((await client.images.inspect(name)).Id);
    io.stdout.write(
      formatLayerTree(all, { wanted: args.length > 0 ? wanted : undefined, full: options['no-trunc'] }),
    );
    return 0;
  },
});
