import { defineCommand } from '../../command.ts';
import { confirm } from '../../output/confirm.ts';
import { formatSize } from '../../output/units.ts';
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
  async run({ options, io, client }) {
    const question = `WARNING! This will remove ${options.all ? 'all images without at least one container associated to them' : 'all dangling images'}.\nAre you sure you want to continue?`;
    if (!options.force && !(await confirm(io, question))) return 0;
    const filters = collectFilters(options.filter);
    const report = await (
      await client()
    ).images.prune({
      filters: { ...filters, dangling: [options.all ? 'false' : 'true'] },
    });
    const lines = (report.ImagesDeleted ?? [])
      .map((item) => ('Deleted' in item ? `deleted: ${item.Deleted}\n` : `untagged: ${item.Untagged}\n`))
      .join('');
    io.stdout.write(lines === '' ? '' : `Deleted Images:\n${lines}\n`);
    io.stdout.write(`Total reclaimed space: ${formatSize(report.SpaceReclaimed, 4)}\n`);
    return 0;
  },
});
