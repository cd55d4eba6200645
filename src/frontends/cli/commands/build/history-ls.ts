import { formatReference, familiarName, parseReference } from '../../../../foundation/oci/reference.ts';
import type { BuildRecordJson } from '../../../../foundation/wire/silo/builds.ts';
import { defineCommand } from '../../command.ts';
import { formatTableOption } from '../../output/option-specs.ts';
import { formatList } from '../../output/rows.ts';
import { formatAge } from '../../output/units.ts';
import { secondsOf } from '../../build/progress/steps.ts';

const headers = {
  ID: 'BUILD ID',
  Name: 'NAME',
  Status: 'STATUS',
  Steps: 'STEPS',
  Created: 'CREATED',
  Duration: 'DURATION',
};

export const command = defineCommand({
  name: 'build history ls',
  summary: 'List builds, the latest first',
  usage: '',
  aliases: ['build history ls', 'build history'],
  options: {
    format: formatTableOption,
    quiet: { kind: 'bool', short: 'q', summary: 'Only display build IDs' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo build history', "silo build history ls --format '{{.ID}} {{.Status}}'"],
  async run({ options, given, io, client }) {
    const records = await (await client()).builds.history();
    const rows = records.map((record) => ({
      ID: record.ID,
      Name: nameOf(record),
      Status: record.Status,
      Steps: `${record.Steps.Done + record.Steps.Cached}/${record.Steps.Total} (${record.Steps.Cached} cached)`,
      Created: `${formatAge(io.now() - Date.parse(record.StartedAt))} ago`,
      Duration: record.Status === 'running' ? '' : secondsOf(record.DurationMs),
    }));
    const table = '{{.ID}}\t{{.Name}}\t{{.Status}}\t{{.Steps}}\t{{.Created}}\t{{.Duration}}';
    io.stdout.write(formatList(rows, { options, given }, { headers, table }));
    return 0;
  },
});

function nameOf({ Tags: [tag], Target, Dockerfile }: BuildRecordJson): string {
  if (tag === undefined) return Target === '' ? Dockerfile : `${Dockerfile} (${Target})`;
  const reference = parseReference(tag);
  return familiarName(reference) || formatReference(reference);
}
