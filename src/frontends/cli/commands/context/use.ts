import { defineCommand } from '../../command.ts';
import { defaultContext } from '../../contexts/target.ts';
import { createContextStore } from '../../contexts/store.ts';

export const command = defineCommand({
  name: 'context use',
  summary: 'Set the current context',
  usage: 'CONTEXT',
  options: {},
  args: { min: 1, max: 1 },
  completion: 'contexts',
  examples: ['silo context use lab', 'silo context use default'],
  async run({ args: [name = ''], io }) {
    const store = createContextStore(io.env);
    const isDefault = name === defaultContext;
    if (!isDefault) await store.get(name);
    await store.use(isDefault ? undefined : name);
    io.stdout.write(`${name}\n`);
    const stronger = ['SILO_HOST', 'SILO_CONTEXT', 'DOCKER_HOST', 'DOCKER_CONTEXT'].find(
      (key) => io.env[key],
    );
    if (stronger !== undefined)
      io.stderr.write(
        `Warning: ${stronger} environment variable overrides the active context. To use "${name}", either set the global --context flag, or unset ${stronger} environment variable.\n`,
      );
    io.stderr.write(`Current context is now "${name}"\n`);
    return 0;
  },
});
