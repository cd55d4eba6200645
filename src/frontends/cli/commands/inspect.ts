import { invalid, isKind } from '../../../foundation/base/errors.ts';
import type { Client } from '../../client/client.ts';
import { daemonStatus } from '../../client/errors.ts';
import { defineCommand } from '../command.ts';
import { reportError } from '../exit.ts';
import { formatShortOption } from '../output/option-specs.ts';
import { renderReach } from '../output/security-report.ts';
import { readableWidth } from '../output/sentences.ts';
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
  summary: 'Return low-level information on containers, images, networks and volumes',
  usage: 'NAME|ID [NAME|ID...]',
  options: {
    format: formatShortOption,
    security: { kind: 'bool', summary: 'Say in words what containers can reach' },
    size: { kind: 'bool', short: 's', summary: 'Display total file sizes if the type is container' },
    type: { kind: 'string', summary: 'Only inspect objects of the given type' },
  },
  args: { min: 1 },
  completion: 'objects',
  examples: ['silo inspect web', 'silo inspect --security web'],
  run(invocation) {
    if (invocation.options.security) return inspectSecurity(invocation);
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

/** In words; any `--format` shows the facts behind them. */
async function inspectSecurity(
  invocation: Parameters<typeof inspectAll>[0] & { options: { type: string } },
): Promise<number> {
  const { options, args, io } = invocation;
  if (!['', 'container'].includes(options.type))
    throw invalid(`--security tells about containers, not about the type ${JSON.stringify(options.type)}`);
  if (options.format !== '') return inspectAll(invocation, (client, name) => client.system.reachOf(name));
  const client = await invocation.client();
  let exitCode = 0;
  for (const name of args) {
    try {
      io.stdout.write(renderReach(await client.system.reachOf(name), readableWidth(io.stdout.columns)));
    } catch (error) {
      exitCode = reportError(io.stderr, error);
    }
  }
  return exitCode;
}

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
