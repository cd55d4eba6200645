import { defineCommand } from '../../command.ts';
import { formatShortOption } from '../../output/option-specs.ts';
import { inspectAll } from '../../output/inspect-all.ts';

export const command = defineCommand({
  name: 'image inspect',
  summary: 'Display detailed information on one or more images',
  usage: 'IMAGE [IMAGE...]',
  options: {
    format: formatShortOption,
    platform: {
      kind: 'string',
      summary:
        "Inspect a specific platform of the multi-platform image.\nIf the image or the server is not multi-platform capable, the command will error out if the platform does not match.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
    },
  },
  args: { min: 1 },
  completion: 'images',
  examples: ['silo image inspect app:v1', "silo image inspect -f '{{json .Config.Env}}' app:v1"],
  run: (invocation) =>
    inspectAll(invocation, (client, name) =>
      client.images.inspect(
        name,
        invocation.given.has('platform') ? { platform: invocation.options.platform } : {},
      ),
    ),
});
