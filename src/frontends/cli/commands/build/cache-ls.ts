import type { BuildCacheJson } from '../../../../foundation/wire/silo/builds.ts';
import { defineCommand } from '../../command.ts';
import { formatTableOption } from '../../output/option-specs.ts';
import { formatList } from '../../output/rows.ts';
import type { Row } from '../../output/rows.ts';
import { ellipsis, shortId, visible } from '../../output/text.ts';
import { formatAge, formatSize } from '../../output/units.ts';

export const cacheHeaders = {
  ID: 'CACHE ID',
  Type: 'TYPE',
  Size: 'SIZE',
  CreatedSince: 'CREATED',
  LastUsedSince: 'LAST USED',
  UsageCount: 'USAGE',
  Shared: 'SHARED',
  InUse: 'IN USE',
  Description: 'DESCRIPTION',
};

export const command = defineCommand({
  name: 'build cache ls',
  summary: 'List what builds left for the next ones',
  usage: '',
  aliases: ['build cache ls', 'build cache'],
  options: {
    format: formatTableOption,
    'no-trunc': { kind: 'bool', summary: 'Do not truncate the output' },
    quiet: { kind: 'bool', short: 'q', summary: 'Only display cache IDs' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo build cache ls', "silo build cache ls --format '{{.Size}} {{.Description}}'"],
  async run({ options, given, io, client }) {
    const { BuildCache = [] } = await (await client()).system.df({ types: ['build-cache'] });
    const entries = BuildCache.toSorted((a, b) => (b.LastUsedAt ?? '').localeCompare(a.LastUsedAt ?? ''));
    const rows = entries.map((entry) => cacheRow(entry, { full: options['no-trunc'], now: io.now() }));
    const table = '{{.ID}}\t{{.Type}}\t{{.Size}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Description}}';
    io.stdout.write(formatList(rows, { options, given }, { headers: cacheHeaders, table }));
    return 0;
  },
});

export function cacheRow(entry: BuildCacheJson, { full, now }: { full: boolean; now: number }): Row {
  const since = (time: string | null): string =>
    time === null ? '' : `${formatAge(now - Date.parse(time))} ago`;
  return {
    ID: full ? entry.ID : shortId(entry.ID),
    Type: entry.Type,
    Size: formatSize(entry.Size),
    CreatedSince: since(entry.CreatedAt),
    LastUsedSince: since(entry.LastUsedAt),
    UsageCount: String(entry.UsageCount),
    Shared: String(entry.Shared),
    InUse: String(entry.InUse),
    Description: visible(full ? entry.Description : ellipsis(entry.Description, 60)),
  };
}
