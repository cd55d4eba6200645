import type { ContainerSummaryJson } from '../../../foundation/wire/docker/container.ts';
import { defineCommand } from '../command.ts';
import { displayPorts } from '../output/ports.ts';
import { formatTableOption } from '../output/option-specs.ts';
import { formatList, labelFields, type Row } from '../output/rows.ts';
import { ellipsis, quote, shortId } from '../output/text.ts';
import { formatAge, formatLocalTime, formatSize } from '../output/units.ts';
import { collectFilters } from '../parse/filters.ts';

export const containerHeaders = {
  ID: 'CONTAINER ID',
  Names: 'NAMES',
  Image: 'IMAGE',
  Command: 'COMMAND',
  CreatedAt: 'CREATED AT',
  RunningFor: 'CREATED',
  Ports: 'PORTS',
  State: 'STATE',
  Status: 'STATUS',
  Size: 'SIZE',
  Labels: 'LABELS',
  Mounts: 'MOUNTS',
  LocalVolumes: 'LOCAL VOLUMES',
  Networks: 'NETWORKS',
  Platform: 'PLATFORM',
};

const table = '{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}';

export const command = defineCommand({
  name: 'ps',
  summary: 'List containers',
  usage: '',
  aliases: ['container ls', 'container list', 'container ps', 'ps'],
  options: {
    all: { kind: 'bool', short: 'a', summary: 'Show all containers (default shows just running)' },
    filter: { kind: 'filter', short: 'f', summary: 'Filter output based on conditions provided' },
    format: formatTableOption,
    last: {
      kind: 'int',
      short: 'n',
      default: -1,
      summary: 'Show n last created containers (includes all states)',
    },
    latest: { kind: 'bool', short: 'l', summary: 'Show the latest created container (includes all states)' },
    'no-trunc': { kind: 'bool', summary: "Don't truncate output" },
    quiet: { kind: 'bool', short: 'q', summary: 'Only display container IDs' },
    size: { kind: 'bool', short: 's', summary: 'Display total file sizes' },
  },
  args: { min: 0, max: 0 },
  formatPreference: 'psFormat',
  examples: [
    'silo ps',
    'silo ps -a --filter status=exited',
    "silo ps --format 'table {{.Names}}\\t{{.Status}}\\t{{.Ports}}'",
  ],
  async run({ options, given, io, client }) {
    const last = options.latest ? 1 : options.last;
    // The size costs a walk over each container's files, so it is asked for only when shown.
    const size = options.size || options.format.includes('.Size');
    const containers = await (
      await client()
    ).containers.list({
      all: options.all,
      size,
      ...(last > 0 ? { limit: last } : {}),
      filters: collectFilters(options.filter),
    });
    const rows = containers.map((container) =>
      containerRow(container, { full: options['no-trunc'], now: io.now() }),
    );
    const shape = { headers: containerHeaders, table: options.size ? `${table}\t{{.Size}}` : table };
    io.stdout.write(formatList(rows, { options, given }, shape));
    return 0;
  },
});

export function containerRow(
  container: ContainerSummaryJson,
  { full, now }: { full: boolean; now: number },
): Row {
  const mounts = (container.Mounts ?? []).map((mount) => mount.Name || mount.Source);
  return {
    ID: full ? container.Id : shortId(container.Id),
    Names: displayNames(container.Names ?? [], full),
    Image: displayImage(container, full),
    Command: quote(full ? container.Command : ellipsis(container.Command, 20)),
    // Time zones are slow, and few ask for it.
    get CreatedAt() {
      return formatLocalTime(container.Created);
    },
    RunningFor: `${formatAge(now - container.Created * 1000)} ago`,
    Ports: displayPorts(container.Ports ?? []),
    State: container.State,
    Status: container.Status,
    Size: displaySize(container),
    ...labelFields(container.Labels),
    Mounts: mounts.map((mount) => (full ? mount : ellipsis(mount, 15))).join(','),
    LocalVolumes: String((container.Mounts ?? []).filter((mount) => mount.Driver === 'local').length),
    Networks: Object.keys(container.NetworkSettings?.Networks ?? {}).join(','),
    Platform: '',
  };
}

/** Links give a container names with a second slash; those are shown only in full. */
function displayNames(names: readonly string[], full: boolean): string {
  const plain = names.map((name) => name.replace(/^\//, ''));
  return (full ? plain : plain.filter((name) => !name.includes('/'))).join(',');
}

function displayImage({ Image: image, ImageID: id }: ContainerSummaryJson, full: boolean): string {
  if (image === '') return '<no image>';
  if (full) return image;
  if (shortId(id) === shortId(image)) return shortId(id);
  return image.replace(/(:[^:/@]+)@sha256:[0-9a-f]+$/, '$1');
}

function displaySize({ SizeRw: own = 0, SizeRootFs: all = 0 }: ContainerSummaryJson): string {
  return all > 0 ? `${formatSize(own)} (virtual ${formatSize(all)})` : formatSize(own);
}
