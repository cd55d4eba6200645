import { resolve } from 'node:path';
import { defineCommand } from '../../command.ts';
import { folderOf, revocationFile } from '../../tls/options.ts';

export const command = defineCommand({
  name: 'tls revoke',
  summary: 'Call the certificate of a client back',
  description:
    'Add the certificate of a client to the list of those that the engine refuses, crl.pem beside the authority. CLIENT is a name of `silo tls show`, or the file of a certificate that this authority made. An engine with --tlsverify reads the list at its start and on SIGHUP, and then also ends the connections of that client.',
  usage: 'CLIENT [DIR]',
  options: {},
  args: { min: 1, max: 2 },
  examples: ['silo tls revoke alice', 'silo tls revoke ./lost/cert.pem /srv/silo-tls'],
  async run({ args, io }) {
    const { revokeClient } = await import('../../tls/folder.ts');
    const [client = '', given] = args;
    const folder = resolve(io.cwd, folderOf(given));
    const isPath = client.includes('/') || client.endsWith('.pem');
    const revoked = await revokeClient(folder, {
      client: isPath ? resolve(io.cwd, client) : client,
      now: io.now(),
    });
    const name = revoked.subject.replace(/^CN=/, '');
    io.stdout.write(
      `${name} (${revoked.serialNumber.toLowerCase()}) is revoked in ${folder}/${revocationFile}.\nA running engine reads it on SIGHUP.\n`,
    );
    return 0;
  },
});
