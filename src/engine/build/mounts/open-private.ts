import { posix } from 'node:path';
import type { Duplex } from 'node:stream';
import { invalid, notFound } from '../../../foundation/base/errors.ts';
import { serveAgent } from './agent.ts';
import { type Of, type Opening, type OpenMounts, ownMount, target } from './opening.ts';
import { openPrivateFolder, type PrivateFolder } from './private-folder.ts';

/** A secret of BuildKit ends there, too. */
const mostSecretBytes = 500 * 1024;

/** Secrets, sockets of agents, and the program of a here-document. */
export async function openPrivate(opening: Opening): Promise<void> {
  const { deps, options, undo } = opening;
  const { vertex } = options;
  const secrets: { mount: Of<'secret'>; value: Uint8Array }[] = [];
  for (const mount of vertex.mounts)
    if (mount.type === 'secret') {
      const value = await secretOf(mount, options);
      if (value) secrets.push({ mount, value });
    }
  const agents = vertex.mounts.filter((mount) => mount.type === 'ssh');
  const script = vertex.script === undefined ? undefined : Buffer.from(vertex.script);
  if (secrets.length === 0 && agents.length === 0 && !script) return;
  const bytes = secrets.reduce((sum, { value }) => sum + value.length, script?.length ?? 0);
  const folder = undo.use(await openPrivateFolder(deps.runDirectory, bytes));
  for (const { mount, value } of secrets) await openSecret(mount, value, { opening, folder });
  for (const [index, mount] of agents.entries()) await openAgent(mount, index, { opening, folder });
  if (script) {
    const path = await folder.write(script, { mode: 0o755, uid: 0, gid: 0 });
    opening.mounts.push(ownMount(path, vertex.args[0] ?? '/dev/pipes/script', { readOnly: true }));
  }
}

async function secretOf(mount: Of<'secret'>, { client }: OpenMounts): Promise<Uint8Array | undefined> {
  const value = await client?.secret?.(mount.id);
  const name = mount.id.slice(0, 200);
  if (!value) {
    if (!mount.required) return undefined;
    throw notFound(`secret ${name}: not found`, {
      code: 'no-such-secret',
      hint: `give it with the build: --secret id=${name},src=FILE`,
    });
  }
  if (value.length > mostSecretBytes)
    throw invalid(`secret ${name} is larger than ${mostSecretBytes} bytes`, { code: 'secret-too-large' });
  return value;
}

interface Place {
  opening: Opening;
  folder: PrivateFolder;
}

async function openSecret(mount: Of<'secret'>, value: Uint8Array, { opening, folder }: Place): Promise<void> {
  const { id, env } = mount;
  if (env !== undefined) opening.privateEnv.push(`${env}=${variable(id, value)}`);
  if (env !== undefined && mount.target === undefined) return;
  const name = posix.basename(id);
  if (mount.target === undefined && (name === '.' || name === '..'))
    throw invalid(`the secret ${JSON.stringify(id.slice(0, 200))} has no name for its file`, {
      code: 'invalid-mount',
      hint: 'add target=/path',
    });
  const place = mount.target === undefined ? `/run/secrets/${name}` : target(mount, opening);
  const path = await folder.write(value, mount);
  opening.mounts.push(ownMount(path, place, { readOnly: true }));
}

/** The value itself is in no message. */
function variable(id: string, value: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
    if (!text.includes('\0')) return text;
  } catch {
    // Told below.
  }
  throw invalid(`secret ${id.slice(0, 200)} cannot be a variable: it is no text`, {
    code: 'secret-no-text',
    hint: 'mount it as a file: leave env= away',
  });
}

async function openAgent(mount: Of<'ssh'>, index: number, { opening, folder }: Place): Promise<void> {
  const { deps, options, undo } = opening;
  const { id } = mount;
  const connect = (): Promise<Duplex | undefined> =>
    options.client?.agent?.(id) ?? Promise.resolve(undefined);
  const probe = await connect();
  probe?.on('error', () => undefined).destroy();
  if (!probe) {
    if (!mount.required) return;
    throw notFound(`unset ssh forward key ${id.slice(0, 200)}`, {
      code: 'no-such-agent',
      hint: `give it with the build: --ssh ${id === 'default' ? 'default' : `${id.slice(0, 200)}=$SSH_AUTH_SOCK`}`,
    });
  }
  const path = folder.place();
  undo.use(await serveAgent(path, mount, { connect, log: deps.log }));
  const place = mount.target === undefined ? `/run/buildkit/ssh_agent.${index}` : target(mount, opening);
  opening.mounts.push(ownMount(path, place, { readOnly: false }));
  const isNamed = (entry: string): boolean => entry.startsWith('SSH_AUTH_SOCK=');
  if (![...options.vertex.env, ...opening.env].some(isNamed)) opening.env.push(`SSH_AUTH_SOCK=${place}`);
}
