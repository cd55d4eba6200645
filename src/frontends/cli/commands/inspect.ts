import { invalid, isKind } from '../../../foundation/base/errors.ts';
import type { Client } from '../../client/client.ts';
import { daemonStatus } from '../../client/errors.ts';
import { defineCommand } from '../command.ts';
import { formatShortOption } from '../output/option-specs.ts';
import { inspectAll } from '../output/inspect-all.ts';

type Finder = (client: Client, name: string, size: boolean) => Promise<unknown>;

/** In the order in which a name of unknown type is looked for. */
const finders: Record<string, Finder> = {
  container: (client, name, size) => client.containers.inspect(name, size ? { size } : {}),
  image: (client, name) => client.images.inspect(name),
  network: (client, name) => client.networks.inspect(name),
  volume: (client, name) => client.volumes.inspect(name),
};

export const command = defineCommand({
  name: 'inspect',
  summary: 'Return low-level information on Docker objects',
  usage: 'NAME|ID [NAME|ID...]',
  options: {
    format: formatShortOption,
    size: { kind: 'bool', short: 's', summary: 'Display total file sizes if the type is container' },
    type: { kind: 'string', summary: 'Only inspect objects of the given type' },
  },
  args: { min: 1 },
  completion: 'objects',
  run(invocation) {
    const { type, size } = invocation.options;
    const finder = Object.hasOwn(finders, type) ? finders[type] : undefined;
    if (type !== '' && finder === undefined)
      throw invalid(
        `unknown type: ${JSON.stringify(type)}: must be one of ${Object.keys(finders)
          .map((name) => JSON.stringify(name))
          .join(', ')}`,
      );
    return inspectAll(invocation, (client, name) =>
      finder ? finder(client, name, size) : findAny(client, name, size),
    );
  },
});

async function findAny(client: Client, name: string, size: boolean): Promise<unknown> {
  for (const find of Object.values(finders)) {
    try {
      return await find(client, name, size);
    } catch (error) {
      // A name that one kind of object cannot have (`a/b`, `a:b`) may be another kind's.
      const goesOn =
        isKind(error, 'not-found') || (isKind(error, 'invalid') && daemonStatus(error) !== undefined);
      if (!goesOn) throw error;
    }
  }
  throw invalid(`Error: No such object: ${name}`);
}
