import { defineCommand } from '../../command.ts';
import { pruneCommand } from '../../output/prune.ts';
import { collectFilters } from '../../parse/filters.ts';

export const command = defineCommand({
  name: 'container prune',
  summary: 'Remove all stopped containers',
  usage: '',
  options: {
    filter: { kind: 'filter', summary: 'Provide filter values (e.g. "until=<timestamp>")' },
    force: { kind: 'bool', short: 'f', summary: 'Do not prompt for confirmation' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo container prune', 'silo container prune -f --filter until=24h'],
  run: (invocation) =>
    pruneCommand(invocation, 'This will remove all stopped containers.', async ({ containers }, tell) => {
      const report = await containers.prune({ filters: collectFilters(invocation.options.filter) });
      tell({
        title: 'Deleted Containers',
        names: report.ContainersDeleted,
        reclaimedBytes: report.SpaceReclaimed,
      });
    }),
});
