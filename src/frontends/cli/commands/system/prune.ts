import { invalid } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';
import { confirm } from '../../output/confirm.ts';
import { formatSize } from '../../output/units.ts';
import type { Filters } from '../../../client/client.ts';
import { collectFilters } from '../../parse/filters.ts';

export const command = defineCommand({
  name: 'system prune',
  summary: 'Remove unused data',
  usage: '',
  options: {
    all: { kind: 'bool', short: 'a', summary: 'Remove all unused images not just dangling ones' },
    filter: { kind: 'filter', summary: 'Provide filter values (e.g. "label=<key>=<value>")' },
    force: { kind: 'bool', short: 'f', summary: 'Do not prompt for confirmation' },
    volumes: { kind: 'bool', summary: 'Prune anonymous volumes' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo system prune --all --volumes', 'silo system prune --force --filter until=24h'],
  async run({ options, io, client }) {
    const filters = collectFilters(options.filter);
    if (options.volumes && 'until' in filters)
      throw invalid('ERROR: The "until" filter is not supported with "--volumes"');
    const question = warning(options.all, options.volumes, filters);
    if (!options.force && !(await confirm(io, question))) return 0;
    const { containers, networks, volumes, images } = await client();
    const list = (title: string, lines: readonly string[] | null): void => {
      if (lines && lines.length > 0) io.stdout.write(`${title}:\n${lines.join('\n')}\n\n`);
    };
    const stopped = await containers.prune({ filters });
    list('Deleted Containers', stopped.ContainersDeleted);
    list('Deleted Networks', (await networks.prune({ filters })).NetworksDeleted);
    const unused = options.volumes ? await volumes.prune({ filters }) : undefined;
    list('Deleted Volumes', unused?.VolumesDeleted ?? null);
    const pruned = await images.prune({
      filters: { ...filters, dangling: [options.all ? 'false' : 'true'] },
    });
    const lines = (pruned.ImagesDeleted ?? []).map((item) =>
      'Deleted' in item ? `deleted: ${item.Deleted}` : `untagged: ${item.Untagged}`,
    );
    list('Deleted Images', lines);
    const reclaimed = stopped.SpaceReclaimed + (unused?.SpaceReclaimed ?? 0) + pruned.SpaceReclaimed;
    io.stdout.write(`Total reclaimed space: ${formatSize(reclaimed, 4)}\n`);
    return 0;
  },
});

/** Docker's question. */
function warning(all: boolean, volumes: boolean, filters: Filters): string {
  const items = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
    all ? 'all images without at least one container associated to them' : 'all dangling images',
    all ? 'all build cache' : 'unused build cache',
  ];
  const words = Object.entries(filters)
    .flatMap(([name, values]) => values.map((value) => `${name}=${value}`))
    .toSorted();
  const filtered =
    words.length === 0
      ? ''
      : `\n  Items to be pruned will be filtered with:\n${words.map((word) => `  - ${word}`).join('\n')}\n`;
  return `WARNING! This will remove:\n${items.map((item) => `  - ${item}`).join('\n')}\n${filtered}\nAre you sure you want to continue?`;
}
