import type { SiloError } from '../../../foundation/base/errors.ts';

/** Exit code that Docker gives to a container whose program could not be started. */
export function failureExitCode(error: SiloError): number {
  switch (error.code) {
    case 'command-not-found':
      return 127;
    case 'command-not-executable':
    case 'working-directory':
      return 126;
    default:
      return 128;
  }
}
