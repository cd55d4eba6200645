import type { Client } from '../../client/client.ts';
import type { ContainerCreateBody } from '../../../foundation/wire/docker/container-config.ts';
import { defineCommand } from '../command.ts';
import type { Invocation } from '../command.ts';
import { parseDetachKeys } from '../streams/detach-keys.ts';
import { exitCodeOf, reportRunFailure, startFailureCode } from '../streams/exit-status.ts';
import { runSession } from '../streams/session.ts';
import { followSize, forwardSignals, noTerminalHint } from '../streams/terminal.ts';
import { containerOptions, creationOptions } from './container-options.ts';
import { createBody } from './create-body.ts';
import { checkPullMode, makeContainer } from './make-container.ts';

const options = {
  ...containerOptions,
  ...creationOptions,
  detach: { kind: 'bool', short: 'd', summary: 'Run container in background and print container ID' },
  'detach-keys': { kind: 'string', summary: 'Override the key sequence for detaching a container' },
  'sig-proxy': { kind: 'bool', default: true, summary: 'Proxy received signals to the process' },
} as const;

type RunInvocation = Invocation<typeof options>;

export const command = defineCommand({
  name: 'run',
  summary: 'Create and run a new container from an image',
  usage: 'IMAGE [COMMAND] [ARG...]',
  aliases: ['container run', 'run'],
  options,
  args: { min: 1 },
  optionsFirst: true,
  completion: 'images',
  examples: [
    'silo run -d --health-cmd "wget -qO- localhost" --health-on-failure restart my/web',
    'silo run --rm -it busybox sh',
    'silo run -d --name web -p 8080:80 busybox httpd -f',
  ],
  run: runContainer,
});

async function runContainer(invocation: RunInvocation): Promise<number> {
  const { options, io } = invocation;
  if (options.detach && options.attach.length > 0) {
    io.stderr.write('conflicting options: cannot specify both --attach and --detach\n');
    return 1;
  }
  let containerId: string;
  let body: ContainerCreateBody;
  const client = await invocation.client();
  try {
    checkPullMode(options.pull);
    body = await createBody({ ...invocation, detached: options.detach });
    if (body.Tty === true && body.AttachStdin === true && io.stdin.isTTY !== true) {
      io.stderr.write(`the input device is not a TTY\nHint: ${noTerminalHint}\n`);
      return 1;
    }
    parseDetachKeys(options['detach-keys']);
    containerId = await makeContainer(client, io, body, options);
  } catch (error) {
    reportRunFailure(io, 'run', error);
    return 125;
  }
  return options.detach
    ? await startDetached(client, invocation, containerId)
    : await startAttached(client, invocation, containerId, body);
}

async function startDetached(client: Client, { io }: RunInvocation, id: string): Promise<number> {
  try {
    await client.containers.start(id);
  } catch (error) {
    io.stdout.write(`${id}\n`);
    reportRunFailure(io, 'run', error);
    return startFailureCode(error);
  }
  io.stdout.write(`${id}\n`);
  return 0;
}

/** Streams and the end are being watched before the container starts, so that nothing of either is missed. */
async function startAttached(
  client: Client,
  { options, io }: RunInvocation,
  id: string,
  body: ContainerCreateBody,
): Promise<number> {
  using cleanup = new DisposableStack();
  const tty = body.Tty === true;
  if (options['sig-proxy'] && !tty)
    cleanup.use(forwardSignals(io, (killSignal) => client.containers.kill(id, { killSignal })));
  const streams = {
    stdin: body.AttachStdin ?? false,
    stdout: body.AttachStdout ?? false,
    stderr: body.AttachStderr ?? false,
  };
  const detachKeys = options['detach-keys'];
  const [connection, { exit }] = await Promise.all([
    client.containers.attach(id, { ...streams, ...(detachKeys === '' ? {} : { detachKeys }) }),
    client.containers.wait(id, { condition: options.rm ? 'removed' : 'next-exit' }),
  ]);
  cleanup.use(connection);
  const session = runSession(connection, io, { ...streams, tty, detachKeys: parseDetachKeys(detachKeys) });
  session.catch(() => undefined);
  try {
    await client.containers.start(id);
  } catch (error) {
    connection[Symbol.dispose]();
    await session.catch(() => undefined);
    reportRunFailure(io, 'run', error);
    // With --rm the daemon removes what could not be started; leaving earlier would leave it half done for the next command.
    if (options.rm) await exit.catch(() => undefined);
    return startFailureCode(error);
  }
  if (tty && io.stdout.isTTY === true)
    cleanup.use(followSize(io, (size) => client.containers.resize(id, size)));
  if ((await session) === 'detached') {
    io.stderr.write('read escape sequence\n');
    return 0;
  }
  return exitCodeOf(io, await exit);
}
