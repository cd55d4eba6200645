import { invalid } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';
import { openArchive } from '../../parse/read-file.ts';

export const command = defineCommand({
  name: 'volume import',
  summary: 'Fill a volume from a tar archive',
  description:
    'Fill a new volume, or an empty one that no container uses, from a tar archive: plain, or compressed with gzip or zstd. When it fails the volume is as it was.',
  usage: 'VOLUME [FILE|-]',
  options: {},
  args: { min: 1, max: 2 },
  examples: ['silo volume import data data.tar.zst', 'tar -C /srv/data -c . | silo volume import data'],
  completion: 'volumes',
  async run({ args, client, io }) {
    const [volume = '', file = '-'] = args;
    if (file === '-' && io.stdin.isTTY === true)
      throw invalid('requested import from stdin, but stdin is a terminal', {
        hint: 'name the archive, or redirect it: silo volume import data < data.tar',
      });
    const archive: AsyncIterable<Uint8Array> = file === '-' ? io.stdin : await openArchive(file);
    const { Name } = await (await client()).volumes.import(volume, archive);
    io.stdout.write(`${Name}\n`);
    return 0;
  },
});
