import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { invalid } from '../../../foundation/base/errors.ts';

/** Before anything is asked for: the path can be written. `what` begins the message. */
export async function checkOutput(path: string, what: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw invalid(`${what}: cannot write to a directory`);
  const folder = dirname(resolve(path));
  if (!(await stat(folder).catch(() => undefined)))
    throw invalid(`${what}: invalid output path: stat ${folder}: no such file or directory`);
}

/** The file has its name once it is whole; a device or pipe is written to as it is. */
export async function writeWhole(archive: AsyncIterable<Buffer>, path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  const isPlain = found === undefined || found.isFile();
  const target = isPlain ? `${path}.${process.pid}.partial` : path;
  const file = createWriteStream(target, { mode: 0o600, flags: isPlain ? 'wx' : 'w' });
  try {
    await pour(archive, file);
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
