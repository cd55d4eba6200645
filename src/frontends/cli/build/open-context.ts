import { randomBytes } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import { detectCompression, magicBytes } from '../../../foundation/archive/compression.ts';
import type { BuildContextJson } from '../../../foundation/wire/silo/build-session.ts';
import { parseIgnoreFile } from '../../../engine/build/language/ignore/ignore.ts';
import type { FolderOptions } from './list-folder.ts';
import type { CliIo } from '../io.ts';
import { readInputs } from './read-inputs.ts';

export interface OpenedContext {
  json: BuildContextJson;
  /** Where the Dockerfile is in it. */
  dockerfile: string;
  /** The Dockerfile's bytes where they are known here, for messages. */
  source?: Uint8Array;
  /** Of a folder. */
  folder?: { path: string; options: FolderOptions };
  /** Of an archive. */
  archive?: AsyncIterable<Uint8Array>;
}

export const remoteAddress = /^(https?|git|ssh):\/\/|^git@|^github\.com\//;

/** The main context: a folder, standard input, which is a tar or a Dockerfile alone, or an address that the engine fetches. */
export async function openContext(
  context: string,
  file: string,
  io: Pick<CliIo, 'stdin' | 'cwd'>,
): Promise<OpenedContext> {
  if (context === '-') return await fromInput(file, io);
  if (remoteAddress.test(context)) {
    if (file === '-')
      throw invalid('the Dockerfile of a remote context cannot come from standard input', {
        code: 'stdin-dockerfile',
      });
    return { json: { kind: 'remote', address: context }, dockerfile: file === '' ? 'Dockerfile' : file };
  }
  const inputs = await readInputs(context, file, io);
  const folder = resolve(io.cwd, context);
  const ignore = inputs.ignore && parseIgnoreFile(inputs.ignore.text, inputs.ignore.name);
  const place = file === '' ? 'Dockerfile' : relative(folder, resolve(io.cwd, file));
  const isInside = file !== '-' && place !== '' && !isAbsolute(place) && place.split(sep)[0] !== '..';
  const opened = (dockerfile: string, options: Omit<FolderOptions, 'ignore'>): OpenedContext => ({
    json: { kind: 'folder' },
    dockerfile,
    source: inputs.bytes,
    folder: { path: folder, options: { ignore, ...options } },
  });
  if (isInside) {
    const dockerfile = place.split(sep).join('/');
    const isPlain = (await lstat(join(folder, place))).isFile();
    // A link may lead out of the context: what it shows is sent in its place.
    const extra = isPlain ? [] : [{ name: dockerfile, bytes: inputs.bytes }];
    return opened(dockerfile, { always: [dockerfile, '.dockerignore'], extra });
  }
  const dockerfile = `.dockerfile.${randomBytes(10).toString('hex')}`;
  const patterns = `${inputs.ignore?.text ?? '.dockerignore'}\n${dockerfile}\n`;
  const extra = [
    { name: dockerfile, bytes: inputs.bytes },
    { name: '.dockerignore', bytes: Buffer.from(patterns) },
  ];
  return opened(dockerfile, { always: [], extra });
}

async function fromInput(file: string, { stdin, cwd }: Pick<CliIo, 'stdin' | 'cwd'>): Promise<OpenedContext> {
  if (file === '-')
    throw invalid("invalid argument: can't use stdin for both build context and dockerfile", {
      code: 'stdin-twice',
    });
  const source = stdin[Symbol.asyncIterator]() as AsyncIterator<Uint8Array | string>;
  const head: Buffer[] = [];
  let length = 0;
  while (length < 512) {
    const next = await source.next();
    if (next.done) break;
    const piece = Buffer.from(next.value);
    head.push(piece);
    length += piece.length;
  }
  async function* whole(): AsyncGenerator<Buffer> {
    yield* head;
    for (let next = await source.next(); !next.done; next = await source.next())
      yield Buffer.from(next.value);
  }
  const start = Buffer.concat(head);
  if (start.length === 0)
    throw invalid('the build context on standard input is empty', {
      code: 'empty-context',
      hint: 'send a tar or a Dockerfile, or name a folder: silo build .',
    });
  const isArchive =
    start.subarray(257, 262).toString('latin1') === 'ustar' ||
    detectCompression(start.subarray(0, magicBytes)) !== 'none';
  if (isArchive)
    return { json: { kind: 'archive' }, dockerfile: file === '' ? 'Dockerfile' : file, archive: whole() };
  const bytes = await readDockerfile(whole());
  const extra = [{ name: 'Dockerfile', bytes }];
  return {
    json: { kind: 'folder' },
    dockerfile: 'Dockerfile',
    source: bytes,
    folder: { path: cwd, options: { always: [], extra, isEmpty: true } },
  };
}

const mostDockerfileBytes = 16 << 20;

async function readDockerfile(input: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let total = 0;
  for await (const piece of input) {
    total += piece.length;
    if (total > mostDockerfileBytes)
      throw invalid('standard input is neither a tar nor a Dockerfile', { code: 'bad-context' });
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
