import type { Client } from '../../client/client.ts';
import type { CliIo } from '../io.ts';
import { reportError } from '../exit.ts';
import { checkObjectFormat, formatObjects } from './objects.ts';

/** Shows what was found of the arguments, then complains about the rest. */
export async function inspectAll(
  invocation: { args: string[]; io: CliIo; client: () => Promise<Client>; options: { format: string } },
  find: (client: Client, name: string) => Promise<unknown>,
): Promise<number> {
  const { args, io, options } = invocation;
  if (!isObjectFormat(options.format, io)) return formatMistakeCode;
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
  writeFound(found, options.format, io, failures);
  let exitCode = 0;
  for (const failure of failures) exitCode = reportError(io.stderr, failure);
  return exitCode;
}

/** Docker ends the output of a template that printed nothing, or failed, with an empty line. */
function writeFound(found: readonly unknown[], format: string, io: CliIo, failures: unknown[]): void {
  try {
    io.stdout.write(format !== '' && found.length === 0 ? '\n' : formatObjects(found, format));
  } catch (error) {
    io.stdout.write('\n');
    failures.unshift(error);
  }
}

/** Docker's code for a template that cannot be parsed. */
const formatMistakeCode = 64;

function isObjectFormat(format: string, io: CliIo): boolean {
  try {
    checkObjectFormat(format);
    return true;
  } catch (error) {
    reportError(io.stderr, error);
    return false;
  }
}
