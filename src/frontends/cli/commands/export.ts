import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { invalid } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'export',
  summary: "Export a container's filesystem as a tar archive",
  usage: 'CONTAINER',
  aliases: ['container export', 'export'],
  options: {
    output: { kind: 'string', short: 'o', summary: 'Write to a file, instead of STDOUT' },
  },
  args: { min: 1, max: 1 },
  examples: ['silo export -o web.tar web', 'silo export web | silo import - web:flat'],
  completion: 'containers',
  async run({ options, args, client, io }) {
    const [container = ''] = args;
    if (options.output === '' && io.stdout.isTTY)
      throw invalid('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    if (options.output !== '') await checkOutput(options.output);
    const archive = await (await client()).containers.export(container);
    if (options.output === '') await pour(archive, io.stdout);
    else await writeWhole(archive, options.output);
    return 0;
  },
});

async function checkOutput(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw invalid('failed to export container: cannot write to a directory');
  const folder = dirname(resolve(path));
  if (!(await stat(folder).catch(() => undefined)))
    throw invalid(
      `failed to export container: invalid output path: stat ${folder}: no such file or directory`,
    );
}

/** The file has its name once it is whole; a device or pipe is written to as it is. */
async function writeWhole(archive: AsyncIterable<Buffer>, path: string): Promise<void> {
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

async function pour(archive: AsyncIterable<Buffer>, output: Writable): Promise<void> {
  for await (const chunk of archive) if (!output.write(chunk)) await once(output, 'drain');
}
