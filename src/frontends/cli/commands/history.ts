import type { ImageHistoryJson } from '../../../foundation/wire/docker/image.ts';
import { defineCommand } from '../command.ts';
import { formatTableOption } from '../output/option-specs.ts';
import { formatList, type Row } from '../output/rows.ts';
import { ellipsis, shortId } from '../output/text.ts';
import { formatAge, formatSize } from '../output/units.ts';

const headers = {
  ID: 'IMAGE',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  CreatedBy: 'CREATED BY',
  Size: 'SIZE',
  Comment: 'COMMENT',
};

export const command = defineCommand({
  name: 'history',
  summary: 'Show the history of an image',
  usage: 'IMAGE',
  aliases: ['image history', 'history'],
  options: {
    format: formatTableOption,
    human: {
      kind: 'bool',
      short: 'H',
      default: true,
      summary: 'Print sizes and dates in human readable format',
    },
    'no-trunc': { kind: 'bool', summary: "Don't truncate output" },
    platform: {
      kind: 'string',
      summary:
        'Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
    quiet: { kind: 'bool', short: 'q', summary: 'Only show image IDs' },
  },
  args: { min: 1, max: 1 },
  completion: 'images',
  examples: ['silo history app:v1', "silo history --no-trunc --format '{{.Size}}\\t{{.CreatedBy}}' app:v1"],
  async run({ options, args, given, io, client }) {
    const platform = options.platform === '' ? {} : { platform: options.platform };
    const entries = await (await client()).images.history(args[0] ?? '', platform);
    const rows = entries.map((entry) =>
      toRow(entry, { full: options['no-trunc'], human: options.human, now: io.now() }),
    );
    const created = options.human ? '{{.CreatedSince}}' : '{{.CreatedAt}}';
    const table = `{{.ID}}\t${created}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`;
    io.stdout.write(formatList(rows, { options, given }, { headers, table }));
    return 0;
  },
});

function toRow(
  entry: ImageHistoryJson,
  { full, human, now }: { full: boolean; human: boolean; now: number },
): Row {
  const by = entry.CreatedBy.replaceAll('\t', ' ');
  return {
    ID: full ? entry.Id : entry.Id === '<missing>' ? entry.Id : shortId(entry.Id),
    CreatedSince: entry.Created > -62_135_596_800 ? `${formatAge(now - entry.Created * 1000)} ago` : 'N/A',
    CreatedAt: new Date(entry.Created * 1000).toISOString().replace('.000Z', 'Z'),
    CreatedBy: full ? by : ellipsis(by, 45),
    Size: human ? formatSize(entry.Size) : String(entry.Size),
    Comment: entry.Comment,
  };
}
