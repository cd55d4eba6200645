import { resolve } from 'node:path';
import { defineCommand } from '../../command.ts';
import { daysOption, folderOf } from '../../tls/options.ts';

export const command = defineCommand({
  name: 'tls client',
  summary: 'Make the certificate of a client',
  description:
    'Make a folder clients/NAME with what a client needs: the authority, a certificate and its key. Whoever has it is root on the machine of the engine. Give it few days; `silo tls revoke` calls it back.',
  usage: 'NAME [DIR]',
  options: {
    days: daysOption,
    force: { kind: 'bool', summary: 'Replace a certificate of that name' },
  },
  args: { min: 1, max: 2 },
  examples: ['silo tls client alice --days 90', 'silo tls client ci /srv/silo-tls'],
  async run({ options, args, io }) {
    const { makeClient } = await import('../../tls/folder.ts');
    const [name = '', folder] = args;
    const target = await makeClient(resolve(io.cwd, folderOf(folder)), { name, ...options, now: io.now() });
    io.stdout.write(`${target}\n`);
    return 0;
  },
});
