import { unsupported } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'login',
  summary: 'Authenticate to a registry',
  description: 'Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.',
  usage: '[SERVER]',
  options: {
    password: { kind: 'string', short: 'p', summary: 'Password or Personal Access Token (PAT)' },
    'password-stdin': {
      kind: 'bool',
      summary: 'Take the Password or Personal Access Token (PAT) from stdin',
    },
    username: { kind: 'string', short: 'u', summary: 'Username' },
  },
  args: { min: 0, max: 1 },
  hidden: true,
  run: () =>
    Promise.reject(
      unsupported("'silo login' comes with a later version of Silo: credentials are not kept yet", {
        hint: 'anonymous pulls work; a registry that needs credentials can be reached through the API with X-Registry-Auth',
      }),
    ),
});
