import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { invalid } from '../../../../foundation/base/errors.ts';
import { isHostName } from '../../../../foundation/x509/certificate.ts';
import { defineCommand } from '../../command.ts';
import { daysOption, folderOf } from '../../tls/options.ts';

export const command = defineCommand({
  name: 'tls init',
  summary: 'Make an authority, a certificate for the engine and one for a first client',
  description:
    'Make what the engine needs to be asked from other machines: an authority, a certificate of the engine for this machine’s name, localhost and what --host names, and the certificate of a first client, "admin". Everything is readable by its owner only, and nothing is overwritten unless --force or --renew says so.',
  usage: '[DIR]',
  options: {
    days: daysOption,
    force: { kind: 'bool', summary: 'Replace everything: clients that the old authority knew are refused' },
    host: { kind: 'list', summary: 'Name or address by which clients reach the engine; may be repeated' },
    renew: { kind: 'bool', summary: 'Only replace the certificate of the engine; the authority stays' },
  },
  args: { min: 0, max: 1 },
  completion: 'files',
  examples: [
    'silo tls init --host engine.example.org --host 192.0.2.7',
    'silo daemon -H unix:///run/silo/silo.sock -H tcp://0.0.0.0:2376 --tlsverify',
    'DOCKER_CERT_PATH=/etc/silo/tls/clients/admin DOCKER_TLS_VERIFY=1 SILO_HOST=tcp://engine.example.org:2376 silo ps',
  ],
  async run({ options, args, io }) {
    const odd = options.host.find((host) => !isHostName(host));
    if (odd !== undefined)
      throw invalid(`--host: ${JSON.stringify(odd)} is neither a host name nor an address`);
    const { makeClient, makeServer } = await import('../../tls/folder.ts');
    const folder = resolve(io.cwd, folderOf(args[0]));
    const { days, force, renew: keepAuthority } = options;
    const hosts = [...new Set([...options.host, ...ownNames(), 'localhost', '127.0.0.1', '::1'])];
    const life = { days, now: io.now() };
    await makeServer(folder, { hosts, keepAuthority, force, ...life });
    io.stdout.write(`The engine’s certificate, for ${hosts.join(', ')}, is in ${folder}.\n`);
    if (keepAuthority) {
      io.stdout.write('A running engine reads it again on SIGHUP.\n');
      return 0;
    }
    const client = await makeClient(folder, { name: 'admin', force, ...life });
    io.stdout.write(
      [
        `  silo daemon -H unix:///run/silo/silo.sock -H tcp://0.0.0.0:2376 --tlsverify${where(folder)}`,
        `Copy ${client} to a client; whoever has it is root on this machine.`,
        `  DOCKER_CERT_PATH=${client} DOCKER_TLS_VERIFY=1 SILO_HOST=tcp://${hosts[0] ?? 'localhost'}:2376 silo ps`,
        `Keep ${folder}/ca-key.pem from everybody; \`silo tls client NAME\` needs it, the engine does not.`,
        '',
      ].join('\n'),
    );
    return 0;
  },
});

/** A host name that cannot stand in a certificate is left out. */
const ownNames = (): string[] => [hostname()].filter(isHostName);

const where = (folder: string): string =>
  folder === folderOf(undefined)
    ? ''
    : ` --tlscacert ${folder}/ca.pem --tlscert ${folder}/server-cert.pem --tlskey ${folder}/server-key.pem`;
