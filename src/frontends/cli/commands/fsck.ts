import { unsupported } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'fsck',
  summary: 'Compare records with the disk: orphans, missing and damaged parts',
  usage: '',
  options: {
    'data-root': { kind: 'string', summary: 'Data root of the database to rebuild' },
    images: { kind: 'bool', summary: 'Read every blob and layer and compare them with what they should be' },
    json: { kind: 'bool', summary: 'Print the findings as JSON' },
    'rebuild-db': {
      kind: 'bool',
      summary: 'Restore the last good backup of a damaged database; the engine must not run',
    },
    repair: { kind: 'bool', summary: 'Mend what can be mended; nothing of yours is deleted' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo fsck', 'silo fsck --repair --images', 'silo fsck --rebuild-db --data-root /var/lib/silo'],
  async run({ options, given, io, deps, client }) {
    if (options['rebuild-db']) {
      if (!deps.rebuildDatabase) throw unsupported('this program has no engine');
      return deps.rebuildDatabase(given.has('data-root') ? { dataRoot: options['data-root'] } : {});
    }
    const { Findings } = await (
      await client()
    ).system.fsck({ repair: options.repair, images: options.images });
    const open = Findings.filter(({ Repaired }) => !Repaired);
    if (options.json) io.stdout.write(`${JSON.stringify(Findings, undefined, 2)}\n`);
    else {
      for (const { Kind, Message, Repaired } of Findings)
        io.stdout.write(`${Kind}: ${Message}${Repaired ? ' [repaired]' : ''}\n`);
      io.stdout.write(summary(Findings.length, open));
    }
    return open.length > 0 ? 1 : 0;
  },
});

function summary(found: number, open: readonly { Repairable: boolean }[]): string {
  if (found === 0) return 'Records and disk agree.\n';
  if (open.length === 0) return `${found} found, all repaired.\n`;
  const mendable = open.filter(({ Repairable }) => Repairable).length;
  const hint = mendable > 0 ? `; \`silo fsck --repair\` mends ${mendable}` : '';
  return `${found} found, ${open.length} open${hint}.\n`;
}
