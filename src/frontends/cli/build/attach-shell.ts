import type { Client } from '../../client/client.ts';
import type { CliIo } from '../io.ts';
import { parseDetachKeys } from '../streams/detach-keys.ts';
import { runSession } from '../streams/session.ts';

/** Connects this terminal with a container that is about to be started; `ended` resolves when its program has ended, or the user left it with Docker's keys. */
export async function attachShell(
  client: Client,
  id: string,
  io: CliIo,
): Promise<{ ended: Promise<'ended' | 'detached'> }> {
  const streams = { stdin: true, stdout: true, stderr: true };
  const connection = await client.containers.attach(id, streams);
  io.stderr.write('A shell in the state before this step; the build ends with it.\n');
  const ended = runSession(connection, io, { ...streams, tty: true, detachKeys: parseDetachKeys('') });
  return { ended: ended.finally(() => connection[Symbol.dispose]()) };
}
