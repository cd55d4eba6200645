import { parseDetachKeys, defaultDetachKeys } from '../../../engine/container/streams/detach-keys.ts';
import type { ExecRequest } from '../../../engine/container/container.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import type { ExecCreateBody } from '../../../foundation/wire/docker/exec.ts';
import { toConsoleSize } from '../translate/container-config.ts';
import { defined } from '../translate/refuse.ts';

/** Keys of a terminal client; without a terminal there is nobody who types. */
export function detachKeysFor(text: string | null | undefined, terminal: boolean): Uint8Array | undefined {
  const keys = text ? parseDetachKeys(text) : defaultDetachKeys;
  return terminal ? keys : undefined;
}

function execKeys(text: string | undefined, terminal: boolean): Uint8Array | undefined {
  try {
    return detachKeysFor(text, terminal);
  } catch (cause) {
    throw invalid(`Invalid escape keys (${text?.slice(0, 80)}) provided`, { code: 'invalid-keys', cause });
  }
}

export function toExecRequest(body: ExecCreateBody): ExecRequest {
  const args = typeof body.Cmd === 'string' ? [body.Cmd] : (body.Cmd ?? []);
  if (args.length === 0) throw invalid('No exec command specified', { code: 'no-command' });
  const terminal = body.Tty ?? false;
  return defined<ExecRequest>({
    args,
    env: body.Env ?? [],
    cwd: body.WorkingDir || undefined,
    user: body.User || undefined,
    terminal,
    stdin: body.AttachStdin ?? false,
    stdout: body.AttachStdout ?? false,
    stderr: body.AttachStderr ?? false,
    privileged: body.Privileged ?? false,
    detachKeys: execKeys(body.DetachKeys, terminal),
    consoleSize: toConsoleSize(body.ConsoleSize),
  });
}
