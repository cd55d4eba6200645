import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { notFound } from '../../../foundation/base/errors.ts';
import { knownHostsSecret } from '../../../foundation/wire/silo/build-session.ts';
import { serveAgent } from '../mounts/agent.ts';
import { openPrivateFolder } from '../mounts/private-folder.ts';
import type { BuildDeps, BuildRequest } from '../solve/types.ts';
import type { SshAccess } from './git-program.ts';

const agentId = 'default';

/** The client's agent at a socket of this build, for Git. `directory` is of the build. Not-found when the client has none. */
export async function openSsh(
  { runDirectory, log }: Pick<BuildDeps, 'runDirectory' | 'log'>,
  client: BuildRequest['client'],
  { url, directory }: { url: string; directory: string },
): Promise<SshAccess & AsyncDisposable> {
  const connect = async () => await client?.agent?.(agentId);
  const probe = await connect();
  probe?.on('error', () => undefined).destroy();
  if (!probe)
    throw notFound(`${url.slice(0, 200)} is fetched over SSH, and the build has no SSH agent`, {
      code: 'no-such-agent',
      hint: 'give it with the build: silo build --ssh default',
    });
  const knownHosts = join(directory, 'known-hosts');
  await writeFile(knownHosts, (await client?.secret?.(knownHostsSecret)) ?? '', { mode: 0o600 });
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await openPrivateFolder(runDirectory, 0));
  const agent = folder.place();
  undo.use(await serveAgent(agent, { mode: 0o600, uid: 0, gid: 0 }, { connect, log }));
  const kept = undo.move();
  return { agent, knownHosts, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
