import { invalid } from '../../../foundation/base/errors.ts';
import type { ExecCreateBody } from '../../../foundation/wire/docker/exec.ts';
import { defineCommand } from '../command.ts';
import type { Invocation } from '../command.ts';
import { errorText, hintText } from '../exit.ts';
import { checkEnv, collectEnv } from '../parse/env.ts';
import { parseDetachKeys } from '../streams/detach-keys.ts';
import { startFailureCode } from '../streams/exit-status.ts';
import { runSession } from '../streams/session.ts';
import { followSize, noTerminalHint } from '../streams/terminal.ts';

const options = {
  detach: { kind: 'bool', short: 'd', summary: 'Detached mode: run command in the background' },
  'detach-keys': { kind: 'string', summary: 'Override the key sequence for detaching a container' },
  env: { kind: 'list', short: 'e', check: checkEnv, summary: 'Set environment variables' },
  'env-file': { kind: 'list', summary: 'Read in a file of environment variables' },
  interactive: { kind: 'bool', short: 'i', summary: 'Keep STDIN open even if not attached' },
  privileged: { kind: 'bool', summary: 'Give extended privileges to the command' },
  tty: { kind: 'bool', short: 't', summary: 'Allocate a pseudo-TTY' },
  user: { kind: 'string', short: 'u', summary: 'Username or UID (format: "<name|uid>[:<group|gid>]")' },
  workdir: { kind: 'string', short: 'w', summary: 'Working directory inside the container' },
} as const;

type ExecInvocation = Invocation<typeof options>;

export const command = defineCommand({
  name: 'exec',
  summary: 'Execute a command in a running container',
  usage: 'CONTAINER COMMAND [ARG...]',
  aliases: ['container exec', 'exec'],
  options,
  args: { min: 2 },
  optionsFirst: true,
  completion: 'running-containers',
  examples: ['silo exec -it web sh'],
  async run(invocation) {
    const { options, args, io } = invocation;
    const [container = ''] = args;
    const client = await invocation.client();
    // A missing container is told before the terminal is looked at.
    await client.containers.inspect(container);
    const attaches = !options.detach;
    if (attaches && options.interactive && options.tty && io.stdin.isTTY !== true)
      throw invalid('the input device is not a TTY', { hint: noTerminalHint });
    const { Id: id } = await client.execs.create(container, await execBody(invocation));
    if (!options.detach) return await execAttached(invocation, id);
    await client.execs.startDetached(id, { Tty: options.tty });
    return 0;
  },
});

async function execBody({ options, args, io }: ExecInvocation): Promise<ExecCreateBody> {
  const attaches = !options.detach;
  return {
    User: options.user,
    Privileged: options.privileged,
    Tty: options.tty,
    AttachStdin: attaches && options.interactive,
    AttachStdout: attaches,
    AttachStderr: attaches,
    DetachKeys: options['detach-keys'],
    Env: await collectEnv(options['env-file'], options.env, io.env),
    WorkingDir: options.workdir,
    Cmd: args.slice(1),
    ...consoleSize(io.stdout),
  };
}

function consoleSize({
  isTTY,
  rows,
  columns,
}: ExecInvocation['io']['stdout']): Pick<ExecCreateBody, 'ConsoleSize'> {
  return isTTY === true && rows && columns ? { ConsoleSize: [rows, columns] } : {};
}

async function execAttached({ options, io, client: connect }: ExecInvocation, id: string): Promise<number> {
  using cleanup = new DisposableStack();
  const client = await connect();
  const detachKeys = parseDetachKeys(options['detach-keys']);
  const streams = { stdin: options.interactive, stdout: true, stderr: true };
  try {
    const connection = cleanup.use(
      await client.execs.attach(id, { Tty: options.tty, ...consoleSize(io.stdout) }),
    );
    if (options.tty && io.stdout.isTTY === true)
      cleanup.use(followSize(io, (size) => client.execs.resize(id, size)));
    const reason = await runSession(connection, io, { ...streams, tty: options.tty, detachKeys });
    if (reason === 'detached') {
      io.stderr.write('read escape sequence\n');
      return 0;
    }
  } catch (error) {
    io.stderr.write(`${errorText(error)}\n${hintText(error)}`);
    return startFailureCode(error) === 125 ? 1 : startFailureCode(error);
  }
  return (await client.execs.inspect(id)).ExitCode ?? 0;
}
