import { defaultHost } from '../../../client/host.ts';
import { defineCommand } from '../../command.ts';
import { defaultContext } from '../../contexts/target.ts';
import { createContextStore } from '../../contexts/store.ts';
import { formatTableOption } from '../../output/option-specs.ts';
import { formatRows, type Row } from '../../output/rows.ts';
import { visible } from '../../output/text.ts';

const headers = {
  Name: 'NAME',
  Description: 'DESCRIPTION',
  DockerEndpoint: 'ENDPOINT',
  Current: 'CURRENT',
  Error: 'ERROR',
};

export const command = defineCommand({
  name: 'context ls',
  summary: 'List contexts',
  usage: '',
  aliases: ['context ls', 'context list'],
  options: {
    format: formatTableOption,
    quiet: { kind: 'bool', short: 'q', summary: 'Only show context names' },
  },
  args: { min: 0, max: 0 },
  examples: ['silo context ls', "silo context ls --format '{{.Name}} {{.DockerEndpoint}}'"],
  async run({ options, given, io, choice }) {
    const documents = await createContextStore(io.env).list();
    const format = options.quiet && !given.has('format') ? '{{.Name}}' : options.format;
    // As in Docker's list the table marks the one in use behind its name.
    const isTable = format.trim() === '';
    const row = (name: string, description: string, endpoint: string): Row => {
      const isCurrent = name === choice.context;
      const shown = isTable && isCurrent ? `${name} *` : name;
      return {
        Name: shown,
        Description: visible(description),
        DockerEndpoint: visible(endpoint),
        Current: isCurrent,
        Error: '',
      };
    };
    const rows = [
      row(defaultContext, 'This machine, or what SILO_HOST or DOCKER_HOST says', choice.host ?? defaultHost),
      ...documents.map(({ Name, Metadata, Endpoints }) =>
        row(Name, textOf(Metadata['Description']), Endpoints['docker']?.Host ?? ''),
      ),
    ];
    const table = '{{.Name}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}';
    io.stdout.write(formatRows(rows, format, { headers, table }));
    return 0;
  },
});

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
