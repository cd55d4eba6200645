import { invalid } from '../../../../foundation/base/errors.ts';
import { buildOptions } from '../../build/options.ts';
import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'build debug',
  summary: 'Build, and open a shell where a step fails',
  description:
    'Build, and open a shell where a step fails\n\nWhen the command of a RUN fails, a container is made as it was before that step, with its files, mounts and variables, and a\nshell is opened in it. The build fails when the shell ends; nothing of the container stays.',
  usage: 'PATH | URL | -',
  options: {
    ...buildOptions,
    shell: { kind: 'string', default: '/bin/sh', summary: 'The program to open', completion: 'files' },
  },
  args: { min: 1, max: 1 },
  completion: 'files',
  examples: ['silo build debug .', 'silo build debug --shell /bin/bash --target test .'],
  async run({ options, args: [context = '.'], io, client, target }) {
    if (options.check || options.call !== 'build')
      throw invalid('--check and --call build nothing, so there is nothing to debug', {
        code: 'bad-option',
        hint: 'use them with silo build',
      });
    const { runBuild } = await import('../../build/run-build.ts');
    return await runBuild(context, options, { io, client, target, debug: [options.shell] });
  },
});
