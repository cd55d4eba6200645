import { describe, expect, test } from 'bun:test';
import { appendFile, mkdtemp, readdir, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProgress, readGrowingFile } from './growing-file.ts';

async function temporaryFile(): Promise<{ path: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'silo-grow-'));
  const path = join(folder, 'data');
  await writeFile(path, '');
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

async function isOpen(path: string): Promise<boolean> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return links.includes(path);
}

describe('a growing file', () => {
  test('is read as it grows, to its end, and over a rename', async () => {
    await using file = await temporaryFile();
    const progress = createProgress();
    const stream = await readGrowingFile(file.path, progress);
    const whole = stream.toArray();
    await appendFile(file.path, 'one ');
    progress.advance(4);
    await rename(file.path, `${file.path}.final`);
    await appendFile(`${file.path}.final`, 'two');
    progress.finish(7);
    expect(Buffer.concat(await whole).toString()).toBe('one two');
    expect(await isOpen(`${file.path}.final`)).toBe(false);
  });

  test('is not read beyond what the writer has confirmed', async () => {
    await using file = await temporaryFile();
    await writeFile(file.path, 'confirmed, not confirmed');
    const progress = createProgress();
    progress.advance(9);
    const stream = await readGrowingFile(file.path, progress);
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('confirmed');
    stream.destroy();
  });

  test("gives the writer's failure to those who read and closes for those who do not", async () => {
    await using file = await temporaryFile();
    const progress = createProgress();
    const reader = await readGrowingFile(file.path, progress);
    const idle = await readGrowingFile(file.path, progress);
    const whole = reader.toArray();
    progress.fail(new Error('broken'));
    expect(await whole.catch(String)).toBe('Error: broken');
    // `once` would reject with the stream's error.
    if (!idle.closed) await new Promise((resolve) => idle.once('close', resolve));
    expect(await isOpen(file.path)).toBe(false);
  });

  test('is closed when the reader leaves in the middle of waiting', async () => {
    await using file = await temporaryFile();
    const progress = createProgress();
    const stream = await readGrowingFile(file.path, progress);
    stream.resume();
    stream.destroy();
    await once(stream, 'close');
    expect(await isOpen(file.path)).toBe(false);
    progress.advance(100);
  });
});
