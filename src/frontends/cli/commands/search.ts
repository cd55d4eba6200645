import type { SearchResultJson } from '../../../foundation/wire/docker/image.ts';
import { defineCommand } from '../command.ts';
import { authFor } from '../credentials/credentials.ts';
import { formatTableOption } from '../output/option-specs.ts';
import { formatRows, type Row } from '../output/rows.ts';
import { collectFilters } from '../parse/filters.ts';

const headers = {
  Name: 'NAME',
  Description: 'DESCRIPTION',
  StarCount: 'STARS',
  IsOfficial: 'OFFICIAL',
  IsAutomated: 'AUTOMATED',
};

export const command = defineCommand({
  name: 'search',
  summary: 'Search a registry for images',
  description: 'Search Docker Hub, or the registry that the term begins with, for images',
  usage: 'TERM',
  options: {
    filter: { kind: 'filter', short: 'f', summary: 'Filter output based on conditions provided' },
    format: formatTableOption,
    limit: { kind: 'int', summary: 'Max number of search results' },
    'no-trunc': { kind: 'bool', summary: "Don't truncate output" },
  },
  args: { min: 1, max: 1 },
  examples: ['silo search --limit 5 busybox', 'silo search registry.example/team'],
  async run({ options, args, io, client }) {
    const [term = ''] = args;
    const [first = ''] = term.split('/');
    const host = term.includes('/') && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io';
    const auth = await authFor(io, host);
    const found = await (
      await client()
    ).images.search(term, {
      filters: collectFilters(options.filter),
      ...(options.limit === 0 ? {} : { limit: options.limit }),
      ...(auth ? { auth } : {}),
    });
    const rows = found.map((result) => rowOf(result, !options['no-trunc']));
    const table = '{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}';
    io.stdout.write(formatRows(rows, options.format, { headers, table }));
    return 0;
  },
});

function rowOf(result: SearchResultJson, shortens: boolean): Row {
  // One line a result, whatever the registry says.
  const description = result.description.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
  const letters = Array.from(description);
  return {
    Name: result.name.replaceAll(/[\p{Cc}]/gu, ''),
    Description: shortens && letters.length > 45 ? `${letters.slice(0, 44).join('')}…` : description,
    StarCount: String(result.star_count),
    IsOfficial: result.is_official ? '[OK]' : '',
    IsAutomated: '',
  };
}
