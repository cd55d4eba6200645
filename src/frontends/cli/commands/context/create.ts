import { conflict, invalid } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';
import { descriptionOptions, readEndpoint } from '../../contexts/describe.ts';
import {
  type ContextDocument,
  type ContextStore,
  createContextStore,
  type Pems,
} from '../../contexts/store.ts';

export const command = defineCommand({
  name: 'context create',
  summary: 'Create a context: a name for an engine elsewhere',
  usage: 'CONTEXT',
  options: {
    ...descriptionOptions,
    from: { kind: 'string', summary: 'create context from a named context', completion: 'contexts' },
  },
  args: { min: 1, max: 1 },
  examples: [
    'silo context create lab --docker host=tcp://lab.example:2376,ca=ca.pem,cert=cert.pem,key=key.pem',
    'silo context create second --docker host=unix:///run/silo2/silo.sock --description "the other engine"',
  ],
  async run({ options, args: [name = ''], io }) {
    const store = createContextStore(io.env);
    if (await store.has(name))
      throw conflict(`context "${name}" already exists`, { hint: `silo context update ${name}` });
    const given = readEndpoint(options.docker);
    if (given !== undefined && options.from !== '')
      throw invalid('cannot use --docker flag when --from is set');
    const { document, pems } = given
      ? { document: toDocument(given.endpoint), pems: given.pems }
      : await copyOf(store, options.from);
    const Metadata = {
      ...document.Metadata,
      ...(options.description ? { Description: options.description } : {}),
    };
    await store.put({ ...document, Name: name, Metadata }, pems);
    io.stdout.write(`${name}\n`);
    io.stderr.write(`Successfully created context "${name}"\n`);
    return 0;
  },
});

const toDocument = (endpoint: ContextDocument['Endpoints'][string]): Omit<ContextDocument, 'Name'> => ({
  Metadata: {},
  Endpoints: { docker: endpoint },
});

async function copyOf(
  store: ContextStore,
  from: string,
): Promise<{ document: Omit<ContextDocument, 'Name'>; pems: Pems }> {
  if (from === '')
    throw invalid('docker endpoint configuration is required', {
      hint: 'say where the engine is: --docker host=tcp://…',
    });
  return { document: await store.get(from), pems: await store.pems(from) };
}
