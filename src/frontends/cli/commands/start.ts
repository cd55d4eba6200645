import type { Client } from '../../client/client.ts';
import { invalid, unsupported } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';
import type { Invocation } from '../command.ts';
import { errorText, hintText } from '../exit.ts';
import { ignoreDone } from '../output/ignore-done.ts';
import { forEachTarget } from '../output/targets.ts';
import { parseDetachKeys } from '../streams/detach-keys.ts';
import { exitCodeOf } from '../streams/exit-status.ts';
import { runSession } from '../streams/session.ts';
import { followSize, forwardSignals } from '../streams/terminal.ts';

const options = {
  attach: { kind: 'bool', short: 'a', summary: 'Attach STDOUT/STDERR and forward signals' },
  checkpoint: { kind: 'string', summary: 'Restore from this checkpoint', hidden: true },
  'checkpoint-dir': { kind: 'string', summary: 'Use a custom checkpoint storage directory', hidden: true },
  'detach-keys': { kind: 'string', summary: 'Override the key sequence for detaching a container' },
  interactive: { kind: 'bool', short: 'i', summary: "Attach container's STDIN" },
} as const;

type StartInvocation = Invocation<typeof options>;

export const command = defineCommand({
  name: 'start',
  summary: 'Start one or more stopped containers',
  usage: 'CONTAINER [CONTAINER...]',
  aliases: ['container start', 'start'],
  options,
  args: { min: 1 },
  completion: 'stopped-containers',
  examples: ['silo start web', 'echo hello | silo start -ai once'],
  async run(invocation) {
    if (invocation.given.has('checkpoint') || invocation.given.has('checkpoint-dir'))
      throw unsupported('checkpoints are not supported', {
        hint: '`silo pause` stops a container for a while, `silo commit` keeps its files',
      });
    const { options, args, io } = invocation;
    const client = await invocation.client();
    if (options.attach || options.interactive) {
      if (args.length > 1) throw invalid('you cannot start and attach multiple containers at once');
      return await startAttached(client, invocation, args[0] ?? '');
    }
    const exitCode = await forEachTarget(invocation, (client, id) =>
      client.containers.start(id).catch(ignoreDone),
    );
    if (exitCode !== 0) io.stderr.write(`Error: failed to start containers: ${args.join(', ')}\n`);
    return exitCode;
  },
});

async function startAttached(
  client: Client,
  { options, io }: StartInvocation,
  name: string,
): Promise<number> {
  using cleanup = new DisposableStack();
  const { Id: id, Config: config, HostConfig: host } = await client.containers.inspect(name);
  const tty = config.Tty ?? false;
  if (!tty) cleanup.use(forwardSignals(io, (killSignal) => client.containers.kill(id, { killSignal })));
  const stdin = options.interactive && (config.OpenStdin ?? false);
  const streams = { stdin, stdout: true, stderr: true };
  const keys = options['detach-keys'];
  const [connection, { exit }] = await Promise.all([
    client.containers.attach(id, { ...streams, ...(keys === '' ? {} : { detachKeys: keys }) }),
    client.containers.wait(id, { condition: host.AutoRemove === true ? 'removed' : 'next-exit' }),
  ]);
  cleanup.use(connection);
  const session = runSession(connection, io, { ...streams, tty, detachKeys: parseDetachKeys(keys) });
  session.catch(() => undefined);
  try {
    await client.containers.start(id);
  } catch (error) {
    connection[Symbol.dispose]();
    await session.catch(() => undefined);
    io.stderr.write(`${errorText(error)}\n${hintText(error)}`);
    return 1;
  }
  if (tty && io.stdout.isTTY === true)
    cleanup.use(followSize(io, (size) => client.containers.resize(id, size)));
  if ((await session) === 'detached') {
    io.stderr.write('read escape sequence\n');
    return 0;
  }
  return exitCodeOf(io, await exit);
}
