import { createReadStream } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import { ignoreFileNames } from '../../../engine/build/language/ignore/ignore.ts';
import { sourceLimits } from '../../../engine/build/language/text/limits.ts';
import { didYouMean } from '../../../engine/build/language/text/nearest.ts';
import type { CliIo } from '../io.ts';
import { fileReason } from '../parse/read-file.ts';

export interface BuildInputs {
  /** As messages name it. */
  name: string;
  bytes: Uint8Array;
  /** The patterns' text and where they were found. */
  ignore?: { name: string; text: string };
}

/** Reads what a check needs of the local machine: the Dockerfile and the patterns of the context. */
export async function readInputs(
  context: string,
  file: string,
  io: Pick<CliIo, 'stdin' | 'cwd'>,
): Promise<BuildInputs> {
  const folder = resolve(io.cwd, context);
  if (!(await isFolder(folder))) throw await missingContext(context, folder);
  const path = file === '' ? join(folder, 'Dockerfile') : resolve(io.cwd, file);
  const bytes = file === '-' ? await readBounded(io.stdin) : await readDockerfile(path);
  const names = ignoreFileNames(path);
  const candidates = file === '-' ? names.slice(1) : names;
  for (const candidate of candidates) {
    const ignore = await readIfThere(candidate.startsWith('/') ? candidate : join(folder, candidate));
    if (ignore !== undefined)
      return { name: nameOf(file), bytes, ignore: { name: basename(candidate), text: ignore } };
  }
  return { name: nameOf(file), bytes };
}

const nameOf = (file: string): string => (file === '' || file === '-' ? 'Dockerfile' : basename(file));

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

async function missingContext(shown: string, path: string): Promise<Error> {
  const near = await nearby(path);
  return invalid(`unable to prepare context: path ${JSON.stringify(shown)} not found${near}`, {
    code: 'no-context',
    hint: 'name the folder that holds the files of the build',
  });
}

async function readDockerfile(path: string): Promise<Uint8Array> {
  try {
    return await readBounded(createReadStream(path));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw invalid(`failed to read dockerfile: open ${path}: ${fileReason(error)}${await nearby(path)}`, {
      code: 'no-dockerfile',
      cause: error,
    });
  }
}

/** The name in the same folder that was most likely meant. */
async function nearby(path: string): Promise<string> {
  try {
    return didYouMean(basename(path), await readdir(dirname(path)));
  } catch {
    return '';
  }
}

/** One byte more than a Dockerfile may have is enough for its parser to refuse it. */
async function readBounded(stream: AsyncIterable<Uint8Array | string>): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    chunks.push(Buffer.from(bytes));
    length += bytes.length;
    if (length > sourceLimits.bytes) break;
  }
  return Buffer.concat(chunks);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}
