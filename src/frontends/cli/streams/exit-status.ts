import { toSiloError } from '../../../foundation/base/errors.ts';
import type { WaitResponse } from '../../../foundation/wire/docker/container.ts';
import { errorText, hintText } from '../exit.ts';
import type { CliIo } from '../io.ts';

/** Docker's codes for a container that could not be run: 127 no such program, 126 not executable, 125 anything else. */
export function startFailureCode(thrown: unknown): number {
  const { message } = toSiloError(thrown);
  if (
    /executable file not found|no such file or directory|system cannot find the file specified/.test(message)
  )
    return 127;
  if (/permission denied|is a directory/.test(message)) return 126;
  return 125;
}

/** Prints a failure of `run`, `create` or `start`, with where to find help. */
export function reportRunFailure(io: CliIo, command: string, thrown: unknown): void {
  io.stderr.write(
    `silo: ${errorText(thrown)}\n${hintText(thrown)}\nRun 'silo ${command} --help' for more information\n`,
  );
}

/** The exit code that a finished wait means. */
export function exitCodeOf(io: CliIo, answer: WaitResponse): number {
  if (!answer.Error) return answer.StatusCode;
  io.stderr.write(`Error waiting for container: ${answer.Error.Message}\n`);
  return 125;
}
