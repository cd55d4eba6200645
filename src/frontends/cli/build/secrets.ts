import { connect } from 'node:net';
import { once } from 'node:events';
import { open, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { splitPair } from '../../../foundation/base/split-pair.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { knownHostsSecret, mostSecretBytes } from '../../../foundation/wire/silo/build-session.ts';
import type { BuildOffers } from '../../client/build-session.ts';
import type { CliIo } from '../io.ts';
import { splitCsv } from '../parse/csv.ts';
import { fileReason } from '../parse/read-file.ts';

/** Where the value of a secret is read when a step wants it. */
type SecretPlace = { kind: 'file'; path: string } | { kind: 'env'; name: string };

export type Secrets = ReadonlyMap<string, SecretPlace>;

const bad = (option: string, text: string, why: string) =>
  invalid(`invalid value ${JSON.stringify(text.slice(0, 200))} of --${option}: ${why}`, {
    code: 'bad-option',
  });

/** `--secret id=ID[,src=FILE|,env=NAME]`; without a place a variable of that name, or else the file of that name. Checked before anything is sent. */
export async function readSecrets(list: readonly string[], io: Pick<CliIo, 'env' | 'cwd'>): Promise<Secrets> {
  const found = new Map<string, SecretPlace>();
  for (const text of list) {
    const fields = readFields('secret', text, ['id', 'src', 'source', 'env', 'type']);
    const type = fields.get('type') ?? '';
    if (!['', 'file', 'env'].includes(type))
      throw bad('secret', text, `unsupported secret type ${JSON.stringify(type)}`);
    const source = fields.get('src') ?? fields.get('source');
    const variable = fields.get('env') ?? (type === 'env' ? source : undefined);
    const id = fields.get('id') ?? (source === undefined ? variable : basename(source));
    if (!id) throw bad('secret', text, 'the id is missing');
    const isVariable =
      variable !== undefined || (source === undefined && type !== 'file' && io.env[id] !== undefined);
    const place: SecretPlace = isVariable
      ? { kind: 'env', name: variable ?? id }
      : { kind: 'file', path: resolve(io.cwd, source ?? id) };
    if (place.kind === 'file') await checkFile(place.path, id);
    else if (io.env[place.name] === undefined)
      throw bad('secret', text, `the environment has no variable ${place.name}`);
    found.set(id, place);
  }
  return found;
}

async function checkFile(path: string, id: string): Promise<void> {
  try {
    const status = await stat(path);
    if (status.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
    if (status.size > mostSecretBytes) throw new Error(`larger than ${mostSecretBytes} bytes`);
  } catch (cause) {
    throw invalid(`the secret ${id} cannot be read from ${path}: ${fileReason(cause)}`, {
      code: 'no-secret',
      cause,
    });
  }
}

export type Agents = ReadonlyMap<string, string>;

/** `--ssh default`, `--ssh ID=SOCKET`. The agent's socket alone: keys stay with it. */
export async function readAgents(list: readonly string[], io: Pick<CliIo, 'env' | 'cwd'>): Promise<Agents> {
  const found = new Map<string, string>();
  for (const text of list) {
    const [id, path = io.env['SSH_AUTH_SOCK']] = splitPair(text);
    if (id === '') throw bad('ssh', text, 'the id is missing');
    if (!path)
      throw invalid('no SSH agent: the variable SSH_AUTH_SOCK is not set', {
        code: 'no-agent',
        hint: 'start one: eval $(ssh-agent) && ssh-add',
      });
    const socket = resolve(io.cwd, path);
    const status = await stat(socket).catch((cause: unknown) => {
      throw invalid(`the SSH agent cannot be reached at ${socket}: ${fileReason(cause)}`, {
        code: 'no-agent',
        cause,
      });
    });
    if (!status.isSocket())
      throw bad('ssh', text, 'it is no socket; load the key into an agent: ssh-add FILE, then --ssh default');
    found.set(id, socket);
  }
  return found;
}

/** Whoever lets a build use an agent lets it know the servers' keys, too: nothing is fetched over SSH from a server that nobody knows. */
export async function withKnownHosts(
  secrets: Secrets,
  agents: Agents,
  { env }: Pick<CliIo, 'env'>,
): Promise<Secrets> {
  const home = env['HOME'] ?? '';
  if (agents.size === 0 || secrets.has(knownHostsSecret) || home === '') return secrets;
  const path = resolve(home, '.ssh/known_hosts');
  const status = await stat(path).catch(() => undefined);
  const isGiven = status?.isFile() === true && status.size <= mostSecretBytes;
  return isGiven ? new Map([...secrets, [knownHostsSecret, { kind: 'file', path }]]) : secrets;
}

/** Values are read when they are asked for; each step that mounts one sees it as it is then. */
export function offerSecrets(
  secrets: Secrets,
  agents: Agents,
  { env }: Pick<CliIo, 'env'>,
): Pick<BuildOffers, 'secret' | 'agent'> {
  return {
    async secret(id) {
      const place = secrets.get(id);
      if (place?.kind === 'env') return Buffer.from(env[place.name] ?? '');
      if (place === undefined) throw invalid(`no secret ${id}`, { code: 'no-secret' });
      await using file = await open(place.path, 'r');
      // One byte more than may be is enough for the engine to refuse it.
      const bytes = Buffer.alloc(mostSecretBytes + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(bytes, length, bytes.length - length);
        length += bytesRead;
        if (bytesRead === 0 || length === bytes.length) return bytes.subarray(0, length);
      }
    },
    async agent(id) {
      const socket = connect({ path: agents.get(id) ?? '', allowHalfOpen: true });
      await once(socket, 'connect');
      return socket;
    },
  };
}

/** `KEY=VALUE,…`; a word alone is a file, as in BuildKit's clients. */
function readFields(option: string, text: string, names: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of splitCsv(text)) {
    const [key, value] = splitPair(field);
    if (key === '' || value === undefined)
      throw bad(option, text, `want KEY=VALUE in place of ${JSON.stringify(field.slice(0, 100))}`);
    const name = key.trim().toLowerCase();
    if (!names.includes(name)) throw bad(option, text, `unexpected key ${JSON.stringify(name.slice(0, 60))}`);
    fields.set(name, value);
  }
  return fields;
}
