import { defineCommand } from '../../command.ts';
import { naturalOrder } from '../../output/natural-order.ts';
import { formatTableOption } from '../../output/option-specs.ts';
import { formatList, labelFields, type Row } from '../../output/rows.ts';
import { formatSize } from '../../output/units.ts';
import { collectFilters } from '../../parse/filters.ts';
import type { VolumeJson } from '../../../../foundation/wire/docker/volume.ts';

export const volumeHeaders = {
  Name: 'VOLUME NAME',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  Availability: 'AVAILABILITY',
  Mountpoint: 'MOUNTPOINT',
  Labels: 'LABELS',
  Links: 'LINKS',
  Size: 'SIZE',
  Group: 'GROUP',
  Status: 'STATUS',
};

export const command = defineCommand({
  name: 'volume ls',
  summary: 'List volumes',
  usage: '',
  aliases: ['volume ls', 'volume list'],
  options: {
    cluster: {
      kind: 'bool',
      summary: 'Display only cluster volumes, and use cluster volume list formatting',
    },
    filter: { kind: 'filter', short: 'f', summary: 'Provide filter values (e.g. "dangling=true")' },
    format: formatTableOption,
    quiet: { kind: 'bool', short: 'q', summary: 'Only display volume names' },
  },
  args: { min: 0, max: 0 },
  formatPreference: 'volumesFormat',
  examples: ['silo volume ls', 'silo volume ls --filter dangling=true -q'],
  async run({ options, given, io, client }) {
    const { Volumes: volumes } = await (
      await client()
    ).volumes.list({ filters: collectFilters(options.filter) });
    const sorted = [...(volumes ?? [])].sort((a, b) => naturalOrder(a.Name, b.Name));
    const shape = { headers: volumeHeaders, table: '{{.Driver}}\t{{.Name}}', quiet: '{{.Name}}' };
    io.stdout.write(formatList(sorted.map(volumeRow), { options, given }, shape));
    return 0;
  },
});

export function volumeRow(volume: VolumeJson): Row {
  return {
    Name: volume.Name,
    Driver: volume.Driver,
    Scope: volume.Scope,
    Availability: 'N/A',
    Mountpoint: volume.Mountpoint,
    ...labelFields(volume.Labels),
    Links: volume.UsageData ? String(volume.UsageData.RefCount) : 'N/A',
    Size: volume.UsageData ? formatSize(volume.UsageData.Size, 4) : 'N/A',
    Group: 'N/A',
    Status: 'N/A',
  };
}
