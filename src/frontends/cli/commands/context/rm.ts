import { conflict, invalid } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';
import { defaultContext } from '../../contexts/target.ts';
import { readCurrent } from '../../contexts/select.ts';
import { createContextStore } from '../../contexts/store.ts';
import { reportError } from '../../exit.ts';

export const command = defineCommand({
  name: 'context rm',
  summary: 'Remove one or more contexts',
  usage: 'CONTEXT [CONTEXT...]',
  aliases: ['context rm', 'context remove'],
  options: { force: { kind: 'bool', short: 'f', summary: 'Force the removal of a context in use' } },
  args: { min: 1 },
  completion: 'contexts',
  examples: ['silo context rm lab'],
  async run({ options, args, io }) {
    const store = createContextStore(io.env);
    let code = 0;
    for (const name of args) {
      try {
        if (name === defaultContext) throw invalid('context "default" cannot be removed');
        const isUsed = name === readCurrent(io.env);
        if (isUsed && !options.force)
          throw conflict(`context "${name}" is in use, set -f flag to force remove`);
        await store.remove(name);
        if (isUsed) await store.use(undefined);
        io.stdout.write(`${name}\n`);
      } catch (error) {
        code = reportError(io.stderr, error);
      }
    }
    return code;
  },
});
