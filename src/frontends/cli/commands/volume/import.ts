import { invalid } from '../../../../foundation/base/errors.ts';
import { createCopyProgress } from '../../copy/progress.ts';
import { defineCommand } from '../../command.ts';
import type { CliIo } from '../../io.ts';
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
    const { volumes } = await client();
    const { Name } = await showImport(io, (count) => volumes.import(volume, count(archive)));
    io.stdout.write(`${Name}\n`);
    return 0;
  },
});

async function showImport<T>(
  io: CliIo,
  work: (count: ReturnType<typeof createCopyProgress>['count']) => Promise<T>,
): Promise<T> {
  using progress = createCopyProgress(io.stderr, { header: 'Importing', quiet: false, now: () => io.now() });
  return await work((archive) => progress.count(archive));
}
