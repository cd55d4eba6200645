import { defineCommand } from '../../command.ts';
import { pruneCommand } from '../../output/prune.ts';
import { collectFilters } from '../../parse/filters.ts';

export const command = defineCommand({
  name: 'network prune',
  summary: 'Remove all unused networks',
  usage: '',
  options: {
    filter: { kind: 'filter', summary: 'Provide filter values (e.g. "until=<timestamp>")' },
    force: { kind: 'bool', short: 'f', summary: 'Do not prompt for confirmation' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo network prune --filter until=24h'],
  run: (invocation) =>
    pruneCommand(
      invocation,
      'This will remove all custom networks not used by at least one container.',
      async ({ networks }, tell) => {
        const report = await networks.prune({ filters: collectFilters(invocation.options.filter) });
        tell({ title: 'Deleted Networks', names: report.NetworksDeleted });
      },
    ),
});
