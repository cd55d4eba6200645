import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'image bootstrap',
  summary: 'Make a base image from what this machine has, without a registry',
  description:
    "Make a base image from what this machine has, without a registry\n\n  busybox          a few megabytes, from the machine's static busybox\n  debian[:SUITE]   from Debian's packages, through mmdebstrap",
  usage: 'busybox|debian[:SUITE]',
  options: {
    quiet: { kind: 'bool', short: 'q', summary: 'Only print the image ID' },
    tag: { kind: 'string', short: 't', summary: 'Name of the image, in the "name:tag" format' },
  },
  args: { min: 1, max: 1 },
  completion: ['busybox', 'debian:bookworm', 'debian:trixie'],
  examples: ['silo image bootstrap busybox', 'silo image bootstrap debian:bookworm'],
  async run({ options, args, io, client }) {
    const messages = (await client()).images.bootstrap({
      What: args[0] ?? '',
      ...(options.tag === '' ? {} : { Reference: options.tag }),
    });
    for await (const message of messages) {
      if (message.stream !== undefined && !options.quiet) io.stderr.write(message.stream);
      if (message.aux) io.stdout.write(`${message.aux.ID}\n`);
    }
    return 0;
  },
});
