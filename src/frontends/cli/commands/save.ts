import { invalid } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';
import { checkOutput, pour, saveWhole } from '../output/archive-file.ts';

export const command = defineCommand({
  name: 'save',
  summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  usage: 'IMAGE [IMAGE...]',
  aliases: ['image save', 'save'],
  options: {
    output: {
      kind: 'string',
      short: 'o',
      completion: 'files',
      summary: 'Write to a file, instead of STDOUT',
    },
    platform: {
      kind: 'string',
      summary:
        'Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
  },
  args: { min: 1 },
  examples: ['silo save -o app.tar app:v1 db:v2', 'silo save app | ssh other silo load'],
  completion: 'images',
  async run({ options, args, client, io }) {
    if (options.output === '' && io.stdout.isTTY)
      throw invalid('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    if (options.output !== '') await checkOutput(options.output, 'failed to save image');
    const archive = await (
      await client()
    ).images.save(args, options.platform === '' ? {} : { platform: options.platform });
    if (options.output === '') await pour(archive, io.stdout);
    else await saveWhole(archive, options.output, { io, header: 'Saving' });
    return 0;
  },
});
