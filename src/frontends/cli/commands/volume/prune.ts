import { defineCommand } from '../../command.ts';
import { confirm } from '../../output/confirm.ts';
import { formatSize } from '../../output/units.ts';
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
  async run({ options, io, client }) {
    const question = `WARNING! This will remove ${options.all ? 'all' : 'anonymous'} local volumes not used by at least one container.\nAre you sure you want to continue?`;
    if (!options.force && !(await confirm(io, question))) return 0;
    const filters = collectFilters(options.filter);
    const report = await (
      await client()
    ).volumes.prune({
      filters: options.all ? { ...filters, all: ['true'] } : filters,
    });
    const lines = (report.VolumesDeleted ?? []).map((name) => `${name}\n`).join('');
    io.stdout.write(lines === '' ? '' : `Deleted Volumes:\n${lines}\n`);
    io.stdout.write(`Total reclaimed space: ${formatSize(report.SpaceReclaimed, 4)}\n`);
    return 0;
  },
});
