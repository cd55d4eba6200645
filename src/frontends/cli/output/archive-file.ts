import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { canceled, invalid } from '../../../foundation/base/errors.ts';
import { createCopyProgress } from '../copy/progress.ts';
import type { CliIo } from '../io.ts';

/** Before anything is asked for: the path can be written. `what` begins the message. */
export async function checkOutput(path: string, what: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw invalid(`${what}: cannot write to a directory`);
  const folder = dirname(resolve(path));
  if (!(await stat(folder).catch(() => undefined)))
    throw invalid(`${what}: invalid output path: stat ${folder}: no such file or directory`);
}

/** On a terminal the bytes are counted behind `header`; an interrupt leaves nothing. */
export async function saveWhole(
  archive: AsyncIterable<Buffer>,
  path: string,
  { io, header }: { io: Pick<CliIo, 'stderr' | 'onSignal' | 'now'>; header: string },
): Promise<void> {
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  using _listener = io.onSignal('SIGINT', () => reject(canceled(`interrupted: ${path} was not written`)));
  using progress = createCopyProgress(io.stderr, { header, quiet: false, now: () => io.now() });
  await writeWhole(progress.count(archive), path, interrupted);
}

/** The file has its name once it is whole, and nothing of it stays when that fails; a device or pipe is written to as it is. */
export async function writeWhole(
  archive: AsyncIterable<Buffer>,
  path: string,
  interrupted?: Promise<never>,
): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  const isPlain = found === undefined || found.isFile();
  const target = isPlain ? `${path}.${process.pid}.partial` : path;
  const file = createWriteStream(target, { mode: 0o600, flags: isPlain ? 'wx' : 'w' });
  try {
    const poured = pour(archive, file);
    await (interrupted === undefined ? poured : Promise.race([poured, interrupted]));
    file.end();
    await finished(file);
    if (isPlain) await rename(target, path);
  } catch (error) {
    file.destroy();
    if (isPlain) await rm(target, { force: true });
    throw error;
  }
}

export async function pour(archive: AsyncIterable<Buffer>, output: Writable): Promise<void> {
  for await (const chunk of archive) if (!output.write(chunk)) await once(output, 'drain');
}
