import { toSiloError } from '../../../foundation/base/errors.ts';
import type { AuthConfigJson } from '../../../foundation/wire/docker/image.ts';
import type { CliIo } from '../io.ts';
import { configPath } from './config-path.ts';
import { readClientConfig } from './config-file.ts';
import { findCredentials, hostOf, serverOf } from './credentials.ts';

/** What `silo login` keeps, by registry host: a build does not know before which it will want. As with Docker's CLI, what fails is told and does not stop it. */
export async function allCredentials(
  process: Pick<CliIo, 'env' | 'stderr'>,
): Promise<Record<string, AuthConfigJson>> {
  const warn = (error: unknown): void =>
    void process.stderr.write(`WARNING: going on without credentials: ${toSiloError(error).message}\n`);
  try {
    const config = await readClientConfig(configPath(process.env));
    // A helper that keeps everything is asked for those that have an entry: `login` leaves one.
    const hosts = new Set([...Object.keys(config.auths), ...Object.keys(config.helpers)].map(hostOf));
    const found = await Promise.all(
      [...hosts].map(async (host) => {
        const auth = await findCredentials(config, serverOf(host), process.env).catch(warn);
        return auth === undefined ? [] : [[host, auth] as const];
      }),
    );
    return Object.fromEntries(found.flat());
  } catch (error) {
    warn(error);
    return {};
  }
}
