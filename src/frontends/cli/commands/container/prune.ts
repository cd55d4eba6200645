import { defineCommand } from '../../command.ts';
import { confirm } from '../../output/confirm.ts';
import { formatSize } from '../../output/units.ts';
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
  async run({ options, io, client }) {
    const question = `WARNING! This will remove all stopped containers.\nAre you sure you want to continue?`;
    if (!options.force && !(await confirm(io, question))) return 0;
    const filters = collectFilters(options.filter);
    const report = await (await client()).containers.prune({ filters });
    const lines = (report.ContainersDeleted ?? []).map((id) => `${id}\n`).join('');
    io.stdout.write(lines === '' ? '' : `Deleted Containers:\n${lines}\n`);
    io.stdout.write(`Total reclaimed space: ${formatSize(report.SpaceReclaimed, 4)}\n`);
    return 0;
  },
});
