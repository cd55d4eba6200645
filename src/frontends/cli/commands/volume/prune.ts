import { defineCommand } from '../../command.ts';
import { pruneCommand } from '../../output/prune.ts';
import { collectFilters } from '../../parse/filters.ts';

export const command = defineCommand({
  name: 'volume prune',
  summary: 'Remove unused local volumes',
  usage: '',
  options: {
    all: { kind: 'bool', short: 'a', summary: 'Remove all unused volumes, not just anonymous ones' },
    filter: { kind: 'filter', summary: 'Provide filter values (e.g. "label=<label>")' },
    force: { kind: 'bool', short: 'f', summary: 'Do not prompt for confirmation' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo volume prune', 'silo volume prune --all --filter label!=keep'],
  run: (invocation) => {
    const { all, filter } = invocation.options;
    const warning = `This will remove ${all ? 'all' : 'anonymous'} local volumes not used by at least one container.`;
    return pruneCommand(invocation, warning, async ({ volumes }, tell) => {
      const filters = collectFilters(filter);
      const report = await volumes.prune({ filters: all ? { ...filters, all: ['true'] } : filters });
      tell({ title: 'Deleted Volumes', names: report.VolumesDeleted, reclaimedBytes: report.SpaceReclaimed });
    });
  },
});
