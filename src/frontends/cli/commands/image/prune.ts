import { defineCommand } from '../../command.ts';
import { imageLines, pruneCommand } from '../../output/prune.ts';
import { collectFilters } from '../../parse/filters.ts';

export const command = defineCommand({
  name: 'image prune',
  summary: 'Remove unused images',
  usage: '',
  options: {
    all: { kind: 'bool', short: 'a', summary: 'Remove all unused images, not just dangling ones' },
    filter: { kind: 'filter', summary: 'Provide filter values (e.g. "until=<timestamp>")' },
    force: { kind: 'bool', short: 'f', summary: 'Do not prompt for confirmation' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo image prune', 'silo image prune --all --filter until=240h'],
  run: (invocation) => {
    const { all, filter } = invocation.options;
    const warning = `This will remove ${all ? 'all images without at least one container associated to them' : 'all dangling images'}.`;
    return pruneCommand(invocation, warning, async ({ images }, tell) => {
      const report = await images.prune({
        filters: { ...collectFilters(filter), dangling: [all ? 'false' : 'true'] },
      });
      tell({
        title: 'Deleted Images',
        names: imageLines(report.ImagesDeleted),
        reclaimedBytes: report.SpaceReclaimed,
      });
    });
  },
});
