import { conflict } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';
import { unpackContext } from '../../contexts/archive.ts';
import { createContextStore } from '../../contexts/store.ts';
import { openArchive } from '../../parse/read-file.ts';

export const command = defineCommand({
  name: 'context import',
  summary: 'Import a context from a tar file',
  usage: 'CONTEXT FILE|-',
  options: {},
  args: { min: 2, max: 2 },
  completion: [],
  furtherCompletion: 'files',
  examples: ['silo context import lab lab.dockercontext'],
  async run({ args: [name = '', file = '-'], io }) {
    const store = createContextStore(io.env);
    if (await store.has(name)) throw conflict(`context "${name}" already exists`);
    const { document, pems } = await unpackContext(file === '-' ? io.stdin : await openArchive(file));
    await store.put({ ...document, Name: name }, pems);
    io.stdout.write(`${name}\n`);
    io.stderr.write(`Successfully imported context "${name}"\n`);
    return 0;
  },
});
