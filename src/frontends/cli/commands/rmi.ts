import { isKind } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';
import { errorText, hintText } from '../exit.ts';

export const command = defineCommand({
  name: 'rmi',
  summary: 'Remove one or more images',
  usage: 'IMAGE [IMAGE...]',
  aliases: ['image rm', 'image remove', 'rmi'],
  options: {
    force: { kind: 'bool', short: 'f', summary: 'Force removal of the image' },
    'no-prune': { kind: 'bool', summary: 'Do not delete untagged parents' },
    platform: {
      kind: 'strings',
      summary:
        'Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
  },
  args: { min: 1 },
  completion: 'images',
  examples: ['silo rmi app:v1', 'silo rmi --platform linux/arm64 app:v1'],
  async run({ options, args, io, client: connect }) {
    const client = await connect();
    let exitCode = 0;
    for (const image of args) {
      try {
        const removed = await client.images.remove(image, {
          force: options.force,
          noPrune: options['no-prune'],
          platforms: options.platform,
        });
        const lines = removed.map((item) =>
          'Deleted' in item ? `Deleted: ${item.Deleted}\n` : `Untagged: ${item.Untagged}\n`,
        );
        io.stdout.write(lines.join(''));
      } catch (error) {
        io.stderr.write(`${errorText(error)}\n${hintText(error)}`);
        if (!options.force || !isKind(error, 'not-found')) exitCode = 1;
      }
    }
    return exitCode;
  },
});
