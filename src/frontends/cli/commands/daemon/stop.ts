import { unsupported } from '../../../../foundation/base/errors.ts';
import { defaultHost } from '../../../client/host.ts';
import { defineCommand } from '../../command.ts';
import { readCurrent } from '../../contexts/select.ts';
import { createContextStore } from '../../contexts/store.ts';
import type { CliIo } from '../../io.ts';

export const command = defineCommand({
  name: 'daemon stop',
  summary: 'Stop the engine of this machine; containers go on',
  usage: '',
  options: {},
  args: { min: 0, max: 0 },
  examples: ['silo daemon stop', 'silo -H unix:///run/silo2/silo.sock daemon stop'],
  async run({ io, deps, choice, target }) {
    if (!deps.stopDaemon) throw unsupported('this program has no engine');
    const { variable = '' } = choice;
    const isDockers = variable.startsWith('DOCKER_');
    if (isDockers)
      io.stderr.write(`${variable} does not count here: only -H, SILO_HOST and silo's own contexts do\n`);
    const host = isDockers ? await ownHost(io.env) : (await target()).host;
    const pid = await deps.stopDaemon({ host });
    io.stdout.write(`Stopped the Silo daemon at ${host} (process ${pid}); containers go on.\n`);
    return 0;
  },
});

/** What is meant when neither the command line nor a variable of Silo names an engine. */
async function ownHost(env: CliIo['env']): Promise<string> {
  const current = readCurrent(env);
  return current === undefined ? defaultHost : (await createContextStore(env).endpoint(current)).host;
}
