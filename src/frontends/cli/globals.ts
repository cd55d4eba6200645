import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsOptions } from '../client/connection.ts';
import type { OptionTable, OptionValues } from './command.ts';
import { readFailure } from './parse/read-file.ts';

/** Options in front of the command. */
export const globalOptions = {
  config: { kind: 'string', summary: 'Location of client config files' },
  context: {
    kind: 'string',
    short: 'c',
    summary:
      'Name of the context to use to connect to the daemon (overrides SILO_HOST and DOCKER_HOST env vars and default context set with "silo context use")',
    completion: 'contexts',
  },
  debug: { kind: 'bool', short: 'D', summary: 'Enable debug mode' },
  host: { kind: 'list', short: 'H', summary: 'Daemon socket to connect to' },
  'log-level': {
    kind: 'string',
    short: 'l',
    default: 'info',
    summary: 'Set the logging level ("debug", "info", "warn", "error", "fatal")',
  },
  tls: { kind: 'bool', summary: 'Use TLS; implied by --tlsverify' },
  tlscacert: { kind: 'string', summary: 'Trust certs signed only by this CA', completion: 'files' },
  tlscert: { kind: 'string', summary: 'Path to TLS certificate file', completion: 'files' },
  tlskey: { kind: 'string', summary: 'Path to TLS key file', completion: 'files' },
  tlsverify: { kind: 'bool', summary: 'Use TLS and verify the remote' },
  version: { kind: 'bool', short: 'v', summary: 'Print version information and quit' },
} as const satisfies OptionTable;

export type Globals = OptionValues<typeof globalOptions>;
type Env = Readonly<Record<string, string | undefined>>;

/** Certificates for `tcp://`, from the options or from Docker's variables and folder; undefined = no TLS. */
export function selectTls(globals: Globals, env: Env): TlsOptions | undefined {
  const verify = globals.tlsverify || (env['DOCKER_TLS_VERIFY'] ?? '') !== '';
  if (!globals.tls && !verify && (env['DOCKER_TLS'] ?? '') === '') return undefined;
  const folder = env['DOCKER_CERT_PATH'] || globals.config || join(env['HOME'] ?? '/root', '.docker');
  const ca = readPem(globals.tlscacert, join(folder, 'ca.pem'));
  const cert = readPem(globals.tlscert, join(folder, 'cert.pem'));
  const key = readPem(globals.tlskey, join(folder, 'key.pem'));
  return {
    verify,
    ...(ca === undefined || !verify ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** A file that was named must be there; one of the default places may be missing. */
function readPem(named: string, standard: string): Buffer | undefined {
  try {
    return readFileSync(named || standard);
  } catch (error) {
    if (named === '') return undefined;
    throw readFailure(named, error);
  }
}
