import { invalid } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';
import { checkOutput, pour, saveWhole } from '../output/archive-file.ts';

export const command = defineCommand({
  name: 'export',
  summary: "Export a container's filesystem as a tar archive",
  usage: 'CONTAINER',
  aliases: ['container export', 'export'],
  options: {
    output: { kind: 'string', short: 'o', summary: 'Write to a file, instead of STDOUT' },
  },
  args: { min: 1, max: 1 },
  examples: ['silo export -o web.tar web', 'silo export web | silo import - web:flat'],
  completion: 'containers',
  async run({ options, args, client, io }) {
    const [container = ''] = args;
    if (options.output === '' && io.stdout.isTTY)
      throw invalid('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    if (options.output !== '') await checkOutput(options.output, 'failed to export container');
    const archive = await (await client()).containers.export(container);
    if (options.output === '') await pour(archive, io.stdout);
    else await saveWhole(archive, options.output, { io, header: 'Exporting' });
    return 0;
  },
});
