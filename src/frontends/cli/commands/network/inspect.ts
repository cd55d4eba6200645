import { defineCommand } from '../../command.ts';
import { formatShortOption } from '../../output/option-specs.ts';
import { inspectAll } from '../../output/inspect-all.ts';

export const command = defineCommand({
  name: 'network inspect',
  summary: 'Display detailed information on one or more networks',
  usage: 'NETWORK [NETWORK...]',
  options: {
    format: formatShortOption,
    verbose: { kind: 'bool', short: 'v', summary: 'Verbose output for diagnostics' },
  },
  args: { min: 1 },
  completion: 'networks',
  examples: [
    'silo network inspect back',
    "silo network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{println}}{{end}}' back",
  ],
  run: (invocation) =>
    inspectAll(invocation, (client, name) =>
      client.networks.inspect(name, { verbose: invocation.options.verbose }),
    ),
});
