import { defineCommand } from '../../command.ts';
import { naturalOrder } from '../../output/natural-order.ts';
import { formatTableOption } from '../../output/option-specs.ts';
import { formatList, labelFields } from '../../output/rows.ts';
import { shortId } from '../../output/text.ts';
import { collectFilters } from '../../parse/filters.ts';

const headers = {
  ID: 'NETWORK ID',
  Name: 'NAME',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  IPv4: 'IPV4',
  IPv6: 'IPV6',
  Internal: 'INTERNAL',
  Labels: 'LABELS',
  CreatedAt: 'CREATED AT',
};

export const command = defineCommand({
  name: 'network ls',
  summary: 'List networks',
  usage: '',
  aliases: ['network ls', 'network list'],
  options: {
    filter: { kind: 'filter', short: 'f', summary: 'Provide filter values (e.g. "driver=bridge")' },
    format: formatTableOption,
    'no-trunc': { kind: 'bool', summary: 'Do not truncate the output' },
    quiet: { kind: 'bool', short: 'q', summary: 'Only display network IDs' },
  },
  args: { min: 0, max: 0 },
  formatPreference: 'networksFormat',
  examples: ['silo network ls', "silo network ls --filter driver=bridge --format '{{.Name}}'"],
  async run({ options, given, io, client }) {
    const networks = await (await client()).networks.list({ filters: collectFilters(options.filter) });
    networks.sort((a, b) => naturalOrder(a.Name, b.Name));
    const rows = networks.map((network) => ({
      ID: options['no-trunc'] ? network.Id : shortId(network.Id),
      Name: network.Name,
      Driver: network.Driver,
      Scope: network.Scope,
      IPv4: String(network.EnableIPv4),
      IPv6: String(network.EnableIPv6),
      Internal: String(network.Internal),
      CreatedAt: network.Created.replace('T', ' ').replace('Z', ' +0000 UTC'),
      ...labelFields(network.Labels),
    }));
    const table = '{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}';
    io.stdout.write(formatList(rows, { options, given }, { headers, table }));
    return 0;
  },
});
