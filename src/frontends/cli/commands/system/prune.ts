import { invalid } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';
import { imageLines, pruneCommand } from '../../output/prune.ts';
import type { Filters } from '../../../client/calls.ts';
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
  async run(invocation) {
    const { all, volumes: withVolumes, filter } = invocation.options;
    const filters = collectFilters(filter);
    if (withVolumes && 'until' in filters)
      throw invalid('ERROR: The "until" filter is not supported with "--volumes"');
    return await pruneCommand(invocation, warning(all, withVolumes, filters), async (client, tell) => {
      const { containers, networks, volumes, images } = client;
      const stopped = await containers.prune({ filters });
      tell({
        title: 'Deleted Containers',
        names: stopped.ContainersDeleted,
        reclaimedBytes: stopped.SpaceReclaimed,
      });
      tell({ title: 'Deleted Networks', names: (await networks.prune({ filters })).NetworksDeleted });
      if (withVolumes) {
        const unused = await volumes.prune({ filters });
        tell({
          title: 'Deleted Volumes',
          names: unused.VolumesDeleted,
          reclaimedBytes: unused.SpaceReclaimed,
        });
      }
      const pruned = await images.prune({ filters: { ...filters, dangling: [all ? 'false' : 'true'] } });
      tell({
        title: 'Deleted Images',
        names: imageLines(pruned.ImagesDeleted),
        reclaimedBytes: pruned.SpaceReclaimed,
      });
    });
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
  return `This will remove:\n${items.map((item) => `  - ${item}`).join('\n')}\n${filtered}`;
}
