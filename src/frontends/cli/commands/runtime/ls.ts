import type { PinnedRuntimeJson } from '../../../../foundation/wire/silo/runtimes.ts';
import { defineCommand } from '../../command.ts';
import { formatTableOption } from '../../output/option-specs.ts';
import { formatRows, type Row } from '../../output/rows.ts';
import { formatSize } from '../../output/units.ts';

const headers = {
  Name: 'NAME',
  Program: 'PROGRAM',
  Version: 'VERSION',
  Digest: 'DIGEST',
  Size: 'SIZE',
  InstalledAt: 'INSTALLED',
};

export const command = defineCommand({
  name: 'runtime ls',
  summary: 'List the OCI runtimes that are kept with the engine',
  usage: '',
  options: { format: formatTableOption },
  args: { min: 0, max: 0 },
  examples: ['silo runtime ls', "silo runtime ls --format '{{.Name}} {{.Digest}}'"],
  async run({ options, client, io }) {
    const runtimes = await (await client()).system.runtimes();
    const table = '{{.Name}}\t{{.Program}}\t{{.Version}}\t{{.Digest}}\t{{.Size}}';
    io.stdout.write(formatRows(runtimes.map(toRow), options.format, { headers, table }));
    return 0;
  },
});

const toRow = ({ Size, ...texts }: PinnedRuntimeJson): Row => ({ ...texts, Size: formatSize(Size) });
