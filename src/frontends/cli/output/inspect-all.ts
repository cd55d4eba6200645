import type { Client } from '../../client/client.ts';
import type { CliIo } from '../io.ts';
import { reportError } from '../exit.ts';
import { formatObjects } from './objects.ts';

/** Shows what was found of the arguments, then complains about the rest. */
export async function inspectAll(
  invocation: { args: string[]; io: CliIo; client: () => Promise<Client>; options: { format: string } },
  find: (client: Client, name: string) => Promise<unknown>,
): Promise<number> {
  const { args, io, options } = invocation;
  const found: unknown[] = [];
  const failures: unknown[] = [];
  const client = await invocation.client();
  for (const name of args) {
    try {
      found.push(await find(client, name));
    } catch (error) {
      failures.push(error);
    }
  }
  if (options.format === '' || found.length > 0) io.stdout.write(formatObjects(found, options.format));
  // Docker ends the output of a template that printed nothing with an empty line.
  else io.stdout.write('\n');
  let exitCode = 0;
  for (const failure of failures) exitCode = reportError(io.stderr, failure);
  return exitCode;
}
