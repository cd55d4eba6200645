import { conflict } from '../../../foundation/base/errors.ts';
import type { TerminalSize } from '../../client/container-calls.ts';
import { defineCommand } from '../command.ts';
import { parseDetachKeys } from '../streams/detach-keys.ts';
import { exitCodeOf } from '../streams/exit-status.ts';
import { runSession } from '../streams/session.ts';
import { followSize, forwardSignals } from '../streams/terminal.ts';

export const command = defineCommand({
  name: 'attach',
  summary: 'Attach local standard input, output, and error streams to a running container',
  usage: 'CONTAINER',
  aliases: ['container attach', 'attach'],
  options: {
    'detach-keys': { kind: 'string', summary: 'Override the key sequence for detaching a container' },
    'no-stdin': { kind: 'bool', summary: 'Do not attach STDIN' },
    'sig-proxy': { kind: 'bool', default: true, summary: 'Proxy all received signals to the process' },
  },
  args: { min: 1, max: 1 },
  completion: 'running-containers',
  examples: ['silo attach web', 'silo attach --detach-keys ctrl-x web'],
  async run({ options, args, io, client: connect }) {
    using cleanup = new DisposableStack();
    const client = await connect();
    const { Id: id, Config: config, State: state } = await client.containers.inspect(args[0] ?? '');
    if (!state.Running) throw conflict('You cannot attach to a stopped container, start it first');
    if (state.Paused) throw conflict('You cannot attach to a paused container, unpause it first');
    if (state.Restarting)
      throw conflict('You cannot attach to a restarting container, wait until it is running');
    const tty = config.Tty ?? false;
    const stdin = !options['no-stdin'] && (config.OpenStdin ?? false);
    if (tty && stdin && io.stdin.isTTY !== true)
      throw conflict('the input device is not a TTY', {
        hint: 'the container has a terminal; --no-stdin attaches its output alone',
      });
    const keys = options['detach-keys'];
    const streams = { stdin, stdout: true, stderr: true };
    if (options['sig-proxy'] && !tty)
      cleanup.use(forwardSignals(io, (killSignal) => client.containers.kill(id, { killSignal })));
    const { exit } = await client.containers.wait(id);
    const connection = await client.containers.attach(id, {
      ...streams,
      ...(keys === '' ? {} : { detachKeys: keys }),
    });
    cleanup.use(connection);
    if (tty && io.stdout.isTTY === true) {
      const resize = (size: TerminalSize): Promise<void> => client.containers.resize(id, size);
      // A change of size makes a shell draw its prompt again, also when the size is the same as at the last attach.
      await resize({ columns: (io.stdout.columns ?? 80) + 1, rows: (io.stdout.rows ?? 24) + 1 });
      cleanup.use(followSize(io, resize));
    }
    if (
      (await runSession(connection, io, { ...streams, tty, detachKeys: parseDetachKeys(keys) })) ===
      'detached'
    ) {
      io.stderr.write('read escape sequence\n');
      return 0;
    }
    return exitCodeOf(io, await exit);
  },
});
