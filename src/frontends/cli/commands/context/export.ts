import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { conflict, invalid } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';
import { packContext } from '../../contexts/archive.ts';
import { createContextStore } from '../../contexts/store.ts';
import { readFailure } from '../../parse/read-file.ts';

export const command = defineCommand({
  name: 'context export',
  summary: 'Export a context to a tar archive FILE or a tar stream on STDOUT',
  usage: 'CONTEXT [FILE|-]',
  options: {},
  args: { min: 1, max: 2 },
  completion: 'contexts',
  furtherCompletion: 'files',
  examples: [
    'silo context export lab lab.dockercontext',
    'silo context export lab - | ssh laptop silo context import lab -',
  ],
  async run({ args: [name = '', file = `${name}.dockercontext`], io }) {
    const store = createContextStore(io.env);
    const archive = packContext(await store.get(name), await store.pems(name));
    if (file !== '-') {
      await writeNew(resolve(io.cwd, file), archive);
      io.stderr.write(`Written file "${file}"\n`);
      return 0;
    }
    if (io.stdout.isTTY === true)
      throw invalid('cowardly refusing to export to a terminal, specify a file path');
    io.stdout.write(archive);
    return 0;
  },
});

/** It may hold a private key. */
async function writeNew(path: string, bytes: Buffer): Promise<void> {
  try {
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw conflict(`open ${path}: file exists`, { hint: 'choose another name, or remove it' });
    throw readFailure(path, error);
  }
}
