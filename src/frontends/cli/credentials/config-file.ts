import { mkdir, open, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomic } from '../../../foundation/base/atomic-file.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import { fileReason } from '../parse/read-file.ts';

/** Docker's client configuration, shared with its CLI. Only what is about credentials is read; everything else is kept as it is. */
export interface ClientConfig {
  readonly path: string;
  /** What stands below `auths`, by server. */
  readonly auths: Readonly<Record<string, AuthEntry>>;
  /** Name of the helper that keeps all credentials. */
  readonly store: string | undefined;
  /** Helpers of single servers. */
  readonly helpers: Readonly<Record<string, string>>;
  /** The whole document. */
  readonly document: Readonly<Record<string, unknown>>;
}

export interface AuthEntry {
  /** `user:password` in base64. */
  auth?: string;
  identitytoken?: string;
  registrytoken?: string;
}

const limitBytes = 4 * 1024 * 1024;

/** An absent or empty file is an empty configuration; one that is no JSON object is refused, so that it is not overwritten. */
export async function readClientConfig(path: string): Promise<ClientConfig> {
  const text = await readBounded(path);
  const document = text.trim() === '' ? {} : parse(path, text);
  return {
    path,
    auths: mapOf(document['auths'], isAuthEntry),
    store: typeof document['credsStore'] === 'string' ? document['credsStore'] || undefined : undefined,
    helpers: mapOf(document['credHelpers'], (value) => typeof value === 'string'),
    document,
  };
}

/** Replaces or removes (undefined) one server's entry. Mode 0600; the old or the new file, never a mixture; a link stays a link. */
export async function writeAuth(
  config: ClientConfig,
  server: string,
  entry: AuthEntry | undefined,
): Promise<void> {
  const { [server]: _, ...others } = config.auths;
  const auths = entry === undefined ? others : { ...others, [server]: entry };
  await mkdir(dirname(config.path), { recursive: true, mode: 0o700 });
  const target = await realpath(config.path).catch(() => config.path);
  await writeFileAtomic(target, `${JSON.stringify({ ...config.document, auths }, undefined, '\t')}\n`, {
    mode: 0o600,
  });
}

async function readBounded(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size > limitBytes) throw invalid(`${path} is longer than ${limitBytes} bytes`);
    return (await file.readFile('utf8')).replace(/^\uFEFF/, '');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw invalid(`cannot read the client's configuration: open ${path}: ${fileReason(error)}`, {
      cause: error,
    });
  }
}

function parse(path: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Told below, without the text: it holds secrets.
  }
  throw invalid(`${path} is not a JSON object`, {
    hint: 'mend it, move it away, or choose another folder with --config',
  });
}

function mapOf<T>(value: unknown, isRight: (entry: unknown) => entry is T): Record<string, T> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((pair): pair is [string, T] => isRight(pair[1])));
}

function isAuthEntry(value: unknown): value is AuthEntry {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['auth', 'identitytoken', 'registrytoken'].every(
      (key) => !(key in value) || typeof (value as Record<string, unknown>)[key] === 'string',
    )
  );
}
