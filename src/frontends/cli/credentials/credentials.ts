import { SiloError, toSiloError } from '../../../foundation/base/errors.ts';
import type { AuthConfigJson } from '../../../foundation/wire/docker/image.ts';
import type { CliIo } from '../io.ts';
import { configPath } from './config-path.ts';
import { type AuthEntry, type ClientConfig, readClientConfig, writeAuth } from './config-file.ts';
import { getFromHelper, runHelper } from './helper.ts';

type Process = Pick<CliIo, 'env' | 'stderr'>;

/** Under which Docker keeps its own registry. */
const defaultServer = 'https://index.docker.io/v1/';
/** The name with which helpers mark that the secret is an identity token. */
const tokenUser = '<token>';

/** The key of a registry's host. */
export function serverOf(host: string): string {
  return ['docker.io', 'index.docker.io', 'registry-1.docker.io'].includes(host) ? defaultServer : host;
}

/** What users type after `login`: a host, or an address from which the host is taken. */
export function hostOf(server: string): string {
  const host = server.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return host === '' || host === 'index.docker.io' ? 'docker.io' : host;
}

/**
 * The credentials for images of this host, for `X-Registry-Auth`. Undefined when there are none. As with Docker's CLI a configuration or helper that fails
 * does not stop a transfer that may need none; it is told.
 */
export async function authFor(process: Process, host: string): Promise<AuthConfigJson | undefined> {
  try {
    const config = await readClientConfig(configPath(process.env));
    return await findCredentials(config, serverOf(host), process.env);
  } catch (error) {
    process.stderr.write(`WARNING: going on without credentials: ${toSiloError(error).message}\n`);
    return undefined;
  }
}

export async function findCredentials(
  config: ClientConfig,
  server: string,
  env: CliIo['env'],
): Promise<AuthConfigJson | undefined> {
  const helper = helperOf(config, server);
  if (helper !== undefined) {
    const found = await getFromHelper(helper, server, env);
    if (found === undefined) return undefined;
    return found.Username === tokenUser
      ? { identitytoken: found.Secret, serveraddress: server }
      : { username: found.Username, password: found.Secret, serveraddress: server };
  }
  const entry = config.auths[keyOf(config, server) ?? ''];
  return entry && fromEntry(entry, server);
}

export async function storeCredentials(
  config: ClientConfig,
  auth: AuthConfigJson & { serveraddress: string },
  env: CliIo['env'],
): Promise<'encrypted' | 'plain'> {
  const server = auth.serveraddress;
  const helper = helperOf(config, server);
  const { username = '', password = '', identitytoken } = auth;
  if (helper === undefined) {
    const encoded = Buffer.from(`${username}:${identitytoken ? '' : password}`).toString('base64');
    await writeAuth(config, server, {
      auth: encoded,
      ...(identitytoken ? { identitytoken } : {}),
    });
    return 'plain';
  }
  const kept = identitytoken
    ? { Username: tokenUser, Secret: identitytoken }
    : { Username: username, Secret: password };
  await runHelper(helper, { verb: 'store', input: JSON.stringify({ ServerURL: server, ...kept }), env });
  // As Docker: the entry shows for which servers the helper has something.
  await writeAuth(config, server, {});
  return 'encrypted';
}

/** False when there was nothing. */
export async function eraseCredentials(
  config: ClientConfig,
  server: string,
  env: CliIo['env'],
): Promise<boolean> {
  const helper = helperOf(config, server);
  const key = keyOf(config, server);
  let had = key !== undefined;
  if (helper !== undefined) {
    had ||= (await getFromHelper(helper, server, env)) !== undefined;
    await runHelper(helper, { verb: 'erase', input: server, env }).catch((error: unknown) => {
      if (!(error instanceof SiloError) || error.code !== 'no-such-credentials') throw error;
    });
  }
  if (key !== undefined) await writeAuth(config, key, undefined);
  return had;
}

/** The helper of this server goes before the one for all; an empty name means the file. */
function helperOf({ helpers, store }: ClientConfig, server: string): string | undefined {
  return (Object.hasOwn(helpers, server) ? helpers[server] : store) || undefined;
}

/** Older clients wrote addresses (`https://host/v1/`) where newer ones write hosts. */
function keyOf({ auths }: ClientConfig, server: string): string | undefined {
  if (Object.hasOwn(auths, server)) return server;
  return Object.keys(auths).find((key) => serverOf(hostOf(key)) === server);
}

function fromEntry(entry: AuthEntry, server: string): AuthConfigJson | undefined {
  const text = Buffer.from(entry.auth ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const { identitytoken, registrytoken } = entry;
  if (colon < 1 && !identitytoken && !registrytoken) return undefined;
  return {
    serveraddress: server,
    ...(colon < 1
      ? {}
      : { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') }),
    ...(identitytoken ? { identitytoken } : {}),
    ...(registrytoken ? { registrytoken } : {}),
  };
}
