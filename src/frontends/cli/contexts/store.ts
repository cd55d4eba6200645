import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../../foundation/base/atomic-file.ts';
import { invalid, isKind, notFound } from '../../../foundation/base/errors.ts';
import type { TlsOptions } from '../../client/connection.ts';
import { parseHost } from '../../client/host.ts';
import type { CliIo } from '../io.ts';
import { contextsFolder, currentContextPath } from './place.ts';
import { defaultContext } from './target.ts';

/** A document of Docker's store; what is not ours is kept as it is. */
export interface ContextDocument {
  Name: string;
  Metadata: Record<string, unknown>;
  Endpoints: Record<string, EndpointDocument>;
}

export interface EndpointDocument {
  Host?: string;
  SkipTLSVerify?: boolean;
}

/** PEM files of a context, by Docker's names. */
export const pemFiles = { ca: 'ca.pem', cert: 'cert.pem', key: 'key.pem' } as const;
export type Pems = { [Name in keyof typeof pemFiles]?: Buffer };

/** Where Docker's CLI keeps contexts, and as it does: a folder for each name's SHA-256. */
export interface ContextStore {
  /** By name, those that cannot be read left out. */
  list(): Promise<ContextDocument[]>;
  get(name: string): Promise<ContextDocument>;
  has(name: string): Promise<boolean>;
  endpoint(name: string): Promise<{ host: string; tls?: TlsOptions }>;
  /** `pems` replace all that the context had. */
  put(document: ContextDocument, pems?: Pems): Promise<void>;
  pems(name: string): Promise<Pems>;
  remove(name: string): Promise<void>;
  /** Undefined: the default one. */
  use(name: string | undefined): Promise<void>;
  /** Folders of a context's document and of its certificates. */
  places(name: string): { meta: string; tls: string };
}

const limitBytes = 1024 * 1024;

export function createContextStore(env: CliIo['env']): ContextStore {
  const root = contextsFolder(env);
  const places = (name: string): { meta: string; tls: string } => {
    const id = createHash('sha256').update(name).digest('hex');
    return { meta: join(root, 'meta', id), tls: join(root, 'tls', id) };
  };
  const get = async (name: string): Promise<ContextDocument> => {
    checkName(name);
    return await readDocument(join(places(name).meta, 'meta.json'), name);
  };
  const pems = async (name: string): Promise<Pems> => {
    const folder = join(places(name).tls, 'docker');
    const found = await Promise.all(
      Object.entries(pemFiles).map(
        async ([key, file]) => [key, await readOptional(join(folder, file))] as const,
      ),
    );
    return Object.fromEntries(found.filter(([, bytes]) => bytes !== undefined));
  };
  return {
    places,
    get,
    pems,
    async has(name) {
      try {
        await get(name);
        return true;
      } catch (error) {
        if (isKind(error, 'not-found')) return false;
        throw error;
      }
    },
    async list() {
      const ids = await readdir(join(root, 'meta')).catch(() => []);
      const read = ids.map((id) =>
        readDocument(join(root, 'meta', id, 'meta.json'), id).catch(() => undefined),
      );
      const documents = (await Promise.all(read)).filter((document) => document !== undefined);
      return documents.toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
    },
    async endpoint(name) {
      const { Host: host = '', SkipTLSVerify: skip = false } = (await get(name)).Endpoints['docker'] ?? {};
      if (host === '')
        throw invalid(`context "${name}" has no address of an engine`, {
          hint: `silo context update ${name} --docker host=tcp://…`,
        });
      const { ca, cert, key } = await pems(name);
      if (ca === undefined && cert === undefined && !skip) return { host };
      const tls = {
        verify: !skip,
        ...(ca && !skip ? { ca } : {}),
        ...(cert ? { cert } : {}),
        ...(key ? { key } : {}),
      };
      return { host, tls };
    },
    async put(document, given) {
      checkName(document.Name);
      parseHost(document.Endpoints['docker']?.Host ?? '');
      const { meta, tls } = places(document.Name);
      await mkdir(meta, { recursive: true, mode: 0o755 });
      if (given !== undefined) await writePems(tls, given);
      await writeFileAtomic(join(meta, 'meta.json'), JSON.stringify(document), { mode: 0o644 });
    },
    async remove(name) {
      await get(name);
      const { meta, tls } = places(name);
      for (const folder of [meta, tls]) await rm(folder, { recursive: true, force: true });
    },
    async use(name) {
      if (name === undefined) return await rm(currentContextPath(env), { force: true });
      await mkdir(root, { recursive: true, mode: 0o755 });
      await writeFileAtomic(currentContextPath(env), `${name}\n`, { mode: 0o644 });
    },
  };
}

/** Docker's rule for names. */
function checkName(name: string): void {
  if (name === defaultContext) throw invalid('"default" is a reserved context name');
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/.test(name))
    throw invalid(
      `context name ${JSON.stringify(name.slice(0, 100))} is invalid, names are validated against regexp "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"`,
    );
}

async function readDocument(path: string, name: string): Promise<ContextDocument> {
  const bytes = await readOptional(path);
  if (bytes === undefined)
    throw notFound(`context "${name}": context not found`, {
      code: 'no-such-context',
      hint: '`silo context ls` lists them, `silo context use default` goes back to this machine',
    });
  const document = parseDocument(bytes.toString('utf8'));
  if (document !== undefined) return document;
  throw invalid(`context "${name}": ${path} is no description of a context`, { code: 'bad-context' });
}

/** Undefined: it is no description of a context. */
export function parseDocument(text: string): ContextDocument | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isDocument(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isDocument(value: unknown): value is ContextDocument {
  if (typeof value !== 'object' || value === null) return false;
  const isMap = (key: string): boolean =>
    typeof Reflect.get(value, key) === 'object' && Reflect.get(value, key) !== null;
  if (typeof Reflect.get(value, 'Name') !== 'string' || !isMap('Metadata') || !isMap('Endpoints'))
    return false;
  return isEndpoint(Reflect.get(Reflect.get(value, 'Endpoints') as object, 'docker'));
}

function isEndpoint(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  const host: unknown = Reflect.get(value, 'Host');
  return host === undefined || typeof host === 'string';
}

async function readOptional(path: string): Promise<Buffer | undefined> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > limitBytes) throw invalid(`${path} is longer than ${limitBytes} bytes`);
    return bytes;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code))) return undefined;
    throw error;
  }
}

async function writePems(folder: string, pems: Pems): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  if (Object.keys(pems).length === 0) return;
  await mkdir(join(folder, 'docker'), { recursive: true, mode: 0o700 });
  for (const [name, file] of Object.entries(pemFiles)) {
    const bytes = pems[name as keyof Pems];
    if (bytes !== undefined) await writeFileAtomic(join(folder, 'docker', file), bytes, { mode: 0o600 });
  }
}
