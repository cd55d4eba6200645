import { invalid } from '../../../foundation/base/errors.ts';
import type { AuthConfigJson } from '../../../foundation/wire/docker/image.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { ask, readSecret } from '../credentials/ask.ts';
import { configPath } from '../credentials/config-path.ts';
import { readClientConfig } from '../credentials/config-file.ts';
import { findCredentials, hostOf, serverOf, storeCredentials } from '../credentials/credentials.ts';
import type { CliIo } from '../io.ts';

const options = {
  password: { kind: 'string', short: 'p', summary: 'Password or Personal Access Token (PAT)' },
  'password-stdin': {
    kind: 'bool',
    summary: 'Take the Password or Personal Access Token (PAT) from stdin',
  },
  username: { kind: 'string', short: 'u', summary: 'Username' },
} as const;

export const command = defineCommand({
  name: 'login',
  summary: 'Authenticate to a registry',
  description: 'Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.',
  usage: '[SERVER]',
  options,
  args: { min: 0, max: 1 },
  examples: ['silo login -u ann --password-stdin registry.example:5000 < token'],
  async run({ options: given, args, io, client }) {
    checkOptions(given, io);
    const config = await readClientConfig(configPath(io.env));
    const server = serverOf(hostOf(args[0] ?? ''));
    const known = given.username === '' ? await findCredentials(config, server, io.env) : undefined;
    const auth = known ? existing(known, io) : await askedFor(given, io);
    const { IdentityToken: token } = await (await client()).system.login({ ...auth, serveraddress: server });
    const { password: _, ...withoutPassword } = auth;
    const kept = token ? { ...withoutPassword, identitytoken: token } : auth;
    const place = await storeCredentials(config, { ...kept, serveraddress: server }, io.env);
    if (place === 'plain')
      io.stderr.write(
        `\nWARNING! Your credentials are stored unencrypted in '${config.path}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n`,
      );
    io.stdout.write('Login Succeeded\n');
    return 0;
  },
});

type Given = Invocation<typeof options>['options'];

function checkOptions(given: Given, io: CliIo): void {
  if (given.password !== '') {
    io.stderr.write('WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n');
    if (given['password-stdin']) throw invalid('--password and --password-stdin are mutually exclusive');
  }
  if (given['password-stdin'] && given.username === '')
    throw invalid('Must provide --username with --password-stdin');
}

function existing(known: AuthConfigJson, io: CliIo): AuthConfigJson {
  io.stdout.write(
    `Authenticating with existing credentials...${known.username ? ` [Username: ${known.username}]` : ''}\n`,
  );
  return known;
}

async function askedFor(given: Given, io: CliIo): Promise<AuthConfigJson> {
  let { username, password } = given;
  if (given['password-stdin']) password = await readSecret(io.stdin);
  const isInteractive = io.stdin.isTTY === true;
  if ((username === '' || (password === '' && !given['password-stdin'])) && !isInteractive)
    throw invalid('Cannot perform an interactive login from a non TTY device', {
      hint: 'silo login -u NAME --password-stdin SERVER < FILE',
    });
  if (username === '') username = (await ask(io, 'Username: ', { hidden: false })).trim();
  if (username === '') throw invalid('username is required');
  if (password === '' && isInteractive && !given['password-stdin'])
    password = await ask(io, 'Password: ', { hidden: true });
  if (password === '') throw invalid('password is required');
  return { username, password };
}
