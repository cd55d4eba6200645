import { invalid } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';
import { checkOutput, pour, saveWhole } from '../../output/archive-file.ts';

export const command = defineCommand({
  name: 'volume export',
  summary: 'Write the content of a volume as a tar archive',
  description:
    'Write the content of a volume as a tar archive, with owners, modes, times, hard links, extended attributes and ACLs. A volume that is written to meanwhile is not one moment in time.',
  usage: 'VOLUME',
  options: {
    compress: { kind: 'string', default: 'none', summary: 'Compress the archive ("zstd"|"gzip"|"none")' },
    output: { kind: 'string', short: 'o', summary: 'Write to a file, instead of STDOUT' },
  },
  args: { min: 1, max: 1 },
  examples: [
    'silo volume export -o data.tar.zst --compress zstd data',
    'silo volume export data | silo -H ssh://backup volume import data',
  ],
  completion: 'volumes',
  async run({ options, args, client, io }) {
    const [volume = ''] = args;
    if (!['zstd', 'gzip', 'none'].includes(options.compress))
      throw invalid(`unknown compression ${JSON.stringify(options.compress)}`, {
        hint: 'it is one of zstd, gzip and none',
      });
    const toStdout = options.output === '' || options.output === '-';
    if (toStdout && io.stdout.isTTY)
      throw invalid('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    if (!toStdout) await checkOutput(options.output, 'failed to export volume');
    const archive = await (await client()).volumes.export(volume, { compress: options.compress });
    if (toStdout) await pour(archive, io.stdout);
    else await saveWhole(archive, options.output, { io, header: 'Exporting' });
    return 0;
  },
});
