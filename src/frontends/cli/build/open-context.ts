import { randomBytes } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import { detectCompression, magicBytes } from '../../../foundation/archive/compression.ts';
import { contentPadding, endOfArchive, formatMember } from '../../../foundation/archive/tar-writer.ts';
import { parseIgnoreFile } from '../../../engine/build/language/ignore/ignore.ts';
import type { CliIo } from '../io.ts';
import { packContext } from './pack-context.ts';
import { readInputs } from './read-inputs.ts';

export interface OpenedContext {
  tar: AsyncIterable<Uint8Array>;
  /** Where the Dockerfile is in it. */
  dockerfile: string;
}

/** The context as the daemon wants it: a folder as a tar, or standard input, which is a tar or a Dockerfile alone. */
export async function openContext(
  context: string,
  file: string,
  io: Pick<CliIo, 'stdin' | 'cwd'>,
): Promise<OpenedContext> {
  if (context === '-') return await fromInput(file, io);
  if (/^(https?|git|ssh):\/\/|^git@|^github\.com\//.test(context))
    throw invalid('a context on the network is not supported yet', {
      code: 'remote-context',
      hint: 'fetch it first: git clone URL DIR && silo build DIR, or curl URL | silo build -',
    });
  const inputs = await readInputs(context, file, io);
  const folder = resolve(io.cwd, context);
  const ignore = inputs.ignore && parseIgnoreFile(inputs.ignore.text, inputs.ignore.name);
  const place = file === '' ? 'Dockerfile' : relative(folder, resolve(io.cwd, file));
  const isInside = file !== '-' && place !== '' && !isAbsolute(place) && place.split(sep)[0] !== '..';
  if (isInside) {
    const dockerfile = place.split(sep).join('/');
    const isPlain = (await lstat(join(folder, place))).isFile();
    // A link may lead out of the context: what it shows is sent in its place.
    const extra = isPlain ? [] : [{ name: dockerfile, bytes: inputs.bytes }];
    return { tar: packContext(folder, { ignore, always: [dockerfile, '.dockerignore'], extra }), dockerfile };
  }
  const dockerfile = `.dockerfile.${randomBytes(10).toString('hex')}`;
  const patterns = `${inputs.ignore?.text ?? '.dockerignore'}\n${dockerfile}\n`;
  const extra = [
    { name: dockerfile, bytes: inputs.bytes },
    { name: '.dockerignore', bytes: Buffer.from(patterns) },
  ];
  return { tar: packContext(folder, { ignore, always: [], extra }), dockerfile };
}

async function fromInput(file: string, { stdin }: Pick<CliIo, 'stdin'>): Promise<OpenedContext> {
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
  const isArchive =
    start.subarray(257, 262).toString('latin1') === 'ustar' ||
    detectCompression(start.subarray(0, magicBytes)) !== 'none';
  if (isArchive) return { tar: whole(), dockerfile: file === '' ? 'Dockerfile' : file };
  const pieces: Buffer[] = [];
  let total = 0;
  for await (const piece of whole()) {
    total += piece.length;
    if (total > mostDockerfileBytes)
      throw invalid('standard input is neither a tar nor a Dockerfile', { code: 'bad-context' });
    pieces.push(piece);
  }
  return { tar: oneFile(Buffer.concat(pieces)), dockerfile: 'Dockerfile' };
}

const mostDockerfileBytes = 16 << 20;

async function* oneFile(bytes: Buffer): AsyncGenerator<Buffer> {
  yield formatMember({
    type: 'file',
    name: 'Dockerfile',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: bytes.length,
    mtime: { sec: 0, nsec: 0 },
  });
  yield bytes;
  yield contentPadding(bytes.length);
  yield endOfArchive;
}
