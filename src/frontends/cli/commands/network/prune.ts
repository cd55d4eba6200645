import { defineCommand } from '../../command.ts';
import { confirm } from '../../output/confirm.ts';
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
  async run({ options, io, client }) {
    const question = `WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?`;
    if (!options.force && !(await confirm(io, question))) return 0;
    const report = await (await client()).networks.prune({ filters: collectFilters(options.filter) });
    const names = report.NetworksDeleted ?? [];
    if (names.length > 0) io.stdout.write(`Deleted Networks:\n${names.join('\n')}\n\n`);
    return 0;
  },
});
