import { defineCommand } from '../command.ts';
import { configPath } from '../credentials/config-path.ts';
import { readClientConfig } from '../credentials/config-file.ts';
import { eraseCredentials, hostOf, serverOf } from '../credentials/credentials.ts';

export const command = defineCommand({
  name: 'logout',
  summary: 'Log out from a registry',
  description: 'Log out from a registry.\nIf no server is specified, the default is defined by the daemon.',
  usage: '[SERVER]',
  options: {},
  args: { min: 0, max: 1 },
  examples: ['silo logout registry.example:5000'],
  async run({ args, io }) {
    const config = await readClientConfig(configPath(io.env));
    const server = serverOf(hostOf(args[0] ?? ''));
    const had = await eraseCredentials(config, server, io.env);
    io.stdout.write(had ? `Removing login credentials for ${server}\n` : `Not logged in to ${server}\n`);
    return 0;
  },
});
