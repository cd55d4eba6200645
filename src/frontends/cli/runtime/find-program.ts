import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createTarReader } from '../../../foundation/archive/tar-reader.ts';
import { invalid, notFound } from '../../../foundation/base/errors.ts';
import { parseReference } from '../../../foundation/oci/reference.ts';
import type { Client } from '../../client/client.ts';
import { pullImage } from '../commands/pull-image.ts';
import type { CliIo } from '../io.ts';

const programs = ['crun', 'runc'];
const imageFolders = [
  '/',
  '/usr/bin/',
  '/usr/sbin/',
  '/usr/local/bin/',
  '/usr/local/sbin/',
  '/bin/',
  '/sbin/',
];
/** As much as an engine takes. */
const maximumBytes = 256 * 1024 * 1024;

export interface Wanted {
  /** Looked for under this name, then as `crun` and `runc`. */
  name: string;
  /** Inside of the folder or the image; searched for when empty. */
  path: string;
}

/** The program in a folder, or the file itself; undefined when there is neither. */
export async function fromFolder(
  source: string,
  { name, path, cwd }: Wanted & { cwd: string },
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const place = resolve(cwd, source);
  const found = await stat(place).catch(() => undefined);
  if (found === undefined) return undefined;
  if (found.isFile()) return createReadStream(place);
  const candidates = path === '' ? [name, ...programs].map((each) => join(place, each)) : [join(place, path)];
  for (const candidate of candidates)
    if ((await stat(candidate).catch(() => undefined))?.isFile()) return createReadStream(candidate);
  throw notFound(`there is no ${candidates.join(', nor ')}`, {
    hint: 'name the program itself, or use --path',
  });
}

/** The program in an image, which is pulled and never run. */
export async function fromImage(
  client: Client,
  reference: string,
  { name, path, io }: Wanted & { io: CliIo },
): Promise<Uint8Array> {
  await pullImage(client, reference, { io, out: io.stderr, quiet: false, platform: '' });
  const { Id: id } = await client.containers.create({ Image: reference, Cmd: ['never-run'] });
  try {
    const candidates =
      path === ''
        ? [name, ...programs].flatMap((each) => imageFolders.map((folder) => folder + each))
        : [path];
    for (const candidate of candidates) {
      const content = await readFileOf(client, id, candidate);
      if (content !== undefined) return content;
    }
  } finally {
    await client.containers.remove(id, { force: true, volumes: true });
  }
  throw notFound(`${reference} has no ${path === '' ? name : path}`, { hint: 'name the file with --path' });
}

/** Only a digest says which image is meant. */
export function insistOnDigest(reference: string, programDigest: string): void {
  if (parseReference(reference).digest === undefined && programDigest === '')
    throw invalid(`${reference} may be another image tomorrow`, {
      code: 'no-digest',
      hint: 'write IMAGE@sha256:…, or give the digest of the program with --digest',
    });
}

/** Undefined when it is no file. */
async function readFileOf(client: Client, id: string, path: string): Promise<Uint8Array | undefined> {
  const answer = await client.containers.readArchive(id, path, {}).catch(() => undefined);
  if (answer === undefined) return undefined;
  const parts: Buffer[] = [];
  let isFile = false;
  const reader = createTarReader({
    entry({ type, size }) {
      isFile = type === 'file';
      if (size > maximumBytes) throw invalid(`${path} is larger than ${maximumBytes} bytes`);
    },
    data: (bytes) => void parts.push(Buffer.from(bytes)),
    end: () => undefined,
  });
  for await (const chunk of answer.archive) reader.push(chunk);
  reader.finish();
  return isFile ? Buffer.concat(parts) : undefined;
}
