import { toSiloError } from '../../foundation/base/errors.ts';
import type { ErrorKind } from '../../foundation/base/errors.ts';
import { daemonStatus } from '../client/errors.ts';
import type { CliOutput } from './io.ts';

/** Exit codes of failed commands; `run`, `create` and `exec` have their own (125-127). */
export const exitCodes = {
  invalid: 1,
  'not-found': 1,
  conflict: 1,
  'not-modified': 0,
  unauthorized: 1,
  forbidden: 1,
  unavailable: 1,
  exhausted: 1,
  canceled: 130,
  timeout: 1,
  unsupported: 1,
  corrupt: 1,
  internal: 1,
} as const satisfies Record<ErrorKind, number>;

/** The command line was wrong in a way that only the parser of options sees. */
export const usageExitCode = 125;

/** What a failure says, as Docker's CLI words it: the daemon's own words are marked as such. */
export function errorText(thrown: unknown): string {
  const { message } = toSiloError(thrown);
  return daemonStatus(thrown) === undefined ? message : `Error response from daemon: ${message}`;
}

/** The hint's line, with its line end; empty when there is none. */
export function hintText(thrown: unknown): string {
  const { hint } = toSiloError(thrown);
  return hint === undefined ? '' : `Hint: ${hint}\n`;
}

/** Prints a failure and gives the exit code that it means. */
export function reportError(stderr: CliOutput, thrown: unknown): number {
  stderr.write(`${errorText(thrown)}\n${hintText(thrown)}`);
  return exitCodes[toSiloError(thrown).kind];
}
