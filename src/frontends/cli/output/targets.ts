import type { Client } from '../../client/client.ts';
import type { Invocation } from '../command.ts';
import { reportError } from '../exit.ts';

/**
 * Does the same to each argument and prints what it was called, or what the action gives (nothing for an empty text). Failures are told in the order of the arguments and make the exit code 1;
 * the others are done all the same.
 */
export async function forEachTarget(
  invocation: Pick<Invocation, 'args' | 'io' | 'client'>,
  action: (client: Client, target: string) => Promise<string | void>,
  { atOnce = false }: { atOnce?: boolean } = {},
): Promise<number> {
  const client = await invocation.client();
  const { io } = invocation;
  let exitCode = 0;
  const started = atOnce ? invocation.args.map((target) => settle(action(client, target))) : [];
  for (const [index, target] of invocation.args.entries()) {
    const outcome = await (started[index] ?? settle(action(client, target)));
    if ('value' in outcome) io.stdout.write(outcome.value === '' ? '' : `${outcome.value ?? target}\n`);
    else {
      reportError(io.stderr, outcome.error);
      exitCode = 1;
    }
  }
  return exitCode;
}

type Outcome = { value: string | void } | { error: unknown };

function settle(work: Promise<string | void>): Promise<Outcome> {
  return work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}
