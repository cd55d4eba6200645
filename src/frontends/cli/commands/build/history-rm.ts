import { defineCommand } from '../../command.ts';
import { reportError } from '../../exit.ts';

export const command = defineCommand({
  name: 'build history rm',
  summary: 'Remove records of builds',
  usage: 'BUILD [BUILD...]',
  options: { all: { kind: 'bool', short: 'a', summary: 'Remove all that do not run' } },
  args: { min: 0 },
  examples: ['silo build history rm 3f2a', 'silo build history rm --all'],
  async run({ options, args, io, client }) {
    const { builds } = await client();
    const ids = options.all
      ? (await builds.history()).filter(({ Status }) => Status !== 'running').map(({ ID }) => ID)
      : args;
    let code = 0;
    for (const id of ids) {
      try {
        await builds.forget(id);
        io.stdout.write(`${id}\n`);
      } catch (error) {
        code = reportError(io.stderr, error);
      }
    }
    return code;
  },
});
