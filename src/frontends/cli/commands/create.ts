import type { ContainerCreateBody } from '../../../foundation/wire/docker/container-config.ts';
import { defineCommand } from '../command.ts';
import { usageExitCode } from '../exit.ts';
import { reportRunFailure } from '../streams/exit-status.ts';
import { containerOptions, creationOptions } from './container-options.ts';
import { createBody } from './create-body.ts';
import { checkPullMode, makeContainer } from './make-container.ts';

export const command = defineCommand({
  name: 'create',
  summary: 'Create a new container',
  usage: 'IMAGE [COMMAND] [ARG...]',
  aliases: ['container create', 'create'],
  options: {
    ...containerOptions,
    ...creationOptions,
    pull: { ...creationOptions.pull, summary: 'Pull image before creating ("always", "|missing", "never")' },
  },
  args: { min: 1 },
  optionsFirst: true,
  completion: 'images',
  examples: ['silo create --name once -i busybox cat', 'silo create --name web -p 8080:80 busybox httpd -f'],
  async run(invocation) {
    const { io, options } = invocation;
    const client = await invocation.client();
    let body: ContainerCreateBody;
    try {
      checkPullMode(options.pull);
      body = await createBody({ ...invocation, detached: false });
    } catch (error) {
      reportRunFailure(io, 'create', error);
      return usageExitCode;
    }
    io.stdout.write(`${await makeContainer(client, io, body, options)}\n`);
    return 0;
  },
});
