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
    'keep-storage': { kind: 'bytes', summary: 'Amount of disk space to keep for cache', hidden: true },
    'max-used-space': { kind: 'bytes', summary: 'Maximum amount of disk space allowed to keep for cache' },
    'min-free-space': { kind: 'bytes', summary: 'Target amount of free disk space after pruning' },
    'reserved-space': { kind: 'bytes', summary: 'Amount of disk space always allowed to keep for cache' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo build cache prune -f --reserved-space 2g', 'silo build cache prune --filter until=48h'],
  run: (invocation) => {
    const { options } = invocation;
    const { all, filter } = options;
    const said = (bytes: number): number | undefined => (bytes === 0 ? undefined : bytes);
    const warning = `This will remove ${all ? 'all' : 'all dangling'} build cache.`;
    return pruneCommand(invocation, warning, async ({ builds }, tell) => {
      const report = await builds.prune({
        all,
        reservedBytes: said(options['reserved-space'] || options['keep-storage']),
        mostBytes: said(options['max-used-space']),
        freeBytes: said(options['min-free-space']),
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
