import { unsupported } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';
import type { Command } from '../command.ts';

/** A command of Docker's that this version does not have yet: it takes any words, and says so. */
export function laterCommand(name: string, instead?: string): Command {
  return defineCommand({
    name,
    summary: 'Comes with a later version',
    usage: '',
    options: {},
    args: { min: 0 },
    optionsFirst: true,
    hidden: true,
    run: () =>
      Promise.reject(
        unsupported(
          `'silo ${name}' comes with a later version of Silo`,
          instead === undefined ? {} : { hint: instead },
        ),
      ),
  });
}
