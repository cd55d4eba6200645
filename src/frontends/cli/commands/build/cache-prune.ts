import { defineCommand } from '../../command.ts';
import { pruneCommand } from '../../output/prune.ts';
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
  run: (invocation) => {
    const { all, filter, 'keep-storage': keep } = invocation.options;
    const warning = `This will remove ${all ? 'all' : 'all dangling'} build cache.`;
    return pruneCommand(invocation, warning, async ({ builds }, tell) => {
      const report = await builds.prune({
        all,
        ...(keep === 0 ? {} : { keepStorageBytes: keep }),
        filters: collectFilters(filter),
      });
      tell({
        title: 'Deleted build cache objects',
        names: report.CachesDeleted,
        reclaimedBytes: report.SpaceReclaimed,
      });
    });
  },
});
