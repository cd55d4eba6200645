import { readFile } from 'node:fs/promises';
import { invalid } from '../../../foundation/base/errors.ts';
import { type JsonObject, parseJsonDocument } from '../../../foundation/oci/bounded-json.ts';
import type { RegistryCredentials } from '../../../resources/distribution/distribution.ts';

const limitBytes = 1 << 20;
/** Docker's CLI keeps its accounts of its own registry under this name. */
const dockerKey = 'https://index.docker.io/v1/';

/** Reads the accounts of upstream registries: `auths` of Docker's `config.json`. Helpers are not asked. */
export async function readUpstreamAccounts(path: string): Promise<Map<string, RegistryCredentials>> {
  try {
    const auths = parseJsonDocument(await readFile(path), 'the file of accounts', limitBytes).object('auths');
    return new Map(
      (auths?.names() ?? []).flatMap((name) => {
        const account = readAccount(auths?.object(name));
        return account ? [[name === dockerKey ? 'docker.io' : name, account] as const] : [];
      }),
    );
  } catch (cause) {
    throw invalid(`cannot read the accounts in ${path}: ${cause instanceof Error ? cause.message : ''}`, {
      cause,
    });
  }
}

function readAccount(entry: JsonObject | undefined): RegistryCredentials | undefined {
  const identityToken = entry?.string('identitytoken') ?? '';
  if (identityToken !== '') return { identityToken };
  const auth = Buffer.from(entry?.string('auth') ?? '', 'base64').toString('utf8');
  const colon = auth.indexOf(':');
  const username = entry?.string('username') ?? auth.slice(0, Math.max(colon, 0));
  const password = entry?.string('password') ?? auth.slice(colon + 1);
  return username === '' ? undefined : { username, password };
}
