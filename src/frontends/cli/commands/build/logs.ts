import { defineCommand } from '../../command.ts';
import { openView } from '../../build/progress/open-view.ts';

export const command = defineCommand({
  name: 'build logs',
  summary: 'Show what a build printed',
  description:
    'Show what a build printed\n\nWithout BUILD the latest. Of long outputs the beginning and the end are kept.',
  usage: '[BUILD]',
  options: {
    progress: {
      kind: 'string',
      default: 'plain',
      summary: 'Set type of progress output ("plain", "json")',
      completion: ['plain', 'json'],
      check: (value) => {
        if (value !== 'plain' && value !== 'json') throw new Error('must be "plain" or "json"');
      },
    },
  },
  args: { min: 0, max: 1 },
  examples: ['silo build logs', 'silo build logs 3f2a | less'],
  async run({ options, args, io, client }) {
    const { builds } = await client();
    const id = args[0] ?? (await builds.history())[0]?.ID;
    if (id === undefined) {
      io.stderr.write('no build is known\n');
      return 1;
    }
    const view = openView(options.progress === 'json' ? 'json' : 'plain', { out: io.stdout, io });
    for await (const event of builds.log(id)) view.event(event);
    const { Status, Error: failure } = await builds.record(id);
    if (failure !== undefined) io.stderr.write(`${Status}: ${failure.Message}\n`);
    return 0;
  },
});
