import { defineCommand } from '../../command.ts';
import { confirm } from '../../output/confirm.ts';
import { formatSize } from '../../output/units.ts';
import { collectFilters } from '../../parse/filters.ts';

export const command = defineCommand({
  name: 'build cache prune',
  summary: 'Remove build cache',
  usage: '',
  aliases: ['build cache prune', 'builder prune'],
  options: {
    all: { kind: 'bool', short: 'a', summary: 'Remove all unused build cache, not just dangling ones' },
    filter: { kind: 'filter', summary: 'Provide filter values (e.g., "until=24h")' },
    force: { kind: 'bool', short: 'f', summary: 'Do not prompt for confirmation' },
    'keep-storage': { kind: 'bytes', summary: 'Amount of disk space to keep for cache' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo build cache prune -f --keep-storage 2g', 'silo build cache prune --filter until=48h'],
  async run({ options, io, client }) {
    const question = `WARNING! This will remove ${options.all ? 'all' : 'all dangling'} build cache.\nAre you sure you want to continue?`;
    if (!options.force && !(await confirm(io, question))) return 0;
    const keep = options['keep-storage'];
    const report = await (
      await client()
    ).builds.prune({
      all: options.all,
      ...(keep === 0 ? {} : { keepStorageBytes: keep }),
      filters: collectFilters(options.filter),
    });
    const lines = (report.CachesDeleted ?? []).map((id) => `${id}\n`).join('');
    io.stdout.write(lines === '' ? '' : `Deleted build cache objects:\n${lines}\n`);
    io.stdout.write(`Total reclaimed space: ${formatSize(report.SpaceReclaimed, 4)}\n`);
    return 0;
  },
});
