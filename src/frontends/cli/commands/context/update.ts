import { defineCommand } from '../../command.ts';
import { descriptionOptions, readEndpoint } from '../../contexts/describe.ts';
import { createContextStore } from '../../contexts/store.ts';

export const command = defineCommand({
  name: 'context update',
  summary: 'Update a context',
  usage: 'CONTEXT',
  options: descriptionOptions,
  args: { min: 1, max: 1 },
  completion: 'contexts',
  examples: ['silo context update lab --description "the machine below the stairs"'],
  async run({ options, given, args: [name = ''], io }) {
    const store = createContextStore(io.env);
    const document = await store.get(name);
    const changed = readEndpoint(options.docker);
    if (given.has('description')) document.Metadata['Description'] = options.description;
    if (changed !== undefined) document.Endpoints['docker'] = changed.endpoint;
    await store.put(document, changed?.pems);
    io.stdout.write(`${name}\n`);
    io.stderr.write(`Successfully updated context "${name}"\n`);
    return 0;
  },
});
