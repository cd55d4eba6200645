import { defineCommand } from '../../command.ts';
import { formatShortOption } from '../../output/option-specs.ts';
import { inspectAll } from '../../output/inspect-all.ts';

export const command = defineCommand({
  name: 'container inspect',
  summary: 'Display detailed information on one or more containers',
  usage: 'CONTAINER [CONTAINER...]',
  options: {
    format: formatShortOption,
    size: { kind: 'bool', short: 's', summary: 'Display total file sizes' },
  },
  args: { min: 1 },
  completion: 'containers',
  examples: [
    'silo container inspect web',
    "silo container inspect -f '{{.State.Status}} {{.State.ExitCode}}' web",
  ],
  run: (invocation) =>
    inspectAll(invocation, (client, name) =>
      client.containers.inspect(name, { size: invocation.options.size }),
    ),
});
