import { unsupported } from '../../../../foundation/base/errors.ts';
import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'daemon stop',
  summary: 'Stop the engine of this machine; containers go on',
  usage: '',
  options: {},
  args: { min: 0, max: 0 },
  examples: ['silo daemon stop', 'silo -H unix:///run/silo2/silo.sock daemon stop'],
  async run({ io, deps, target }) {
    if (!deps.stopDaemon) throw unsupported('this program has no engine');
    const { host } = await target();
    const pid = await deps.stopDaemon({ host });
    io.stdout.write(`Stopped the Silo daemon at ${host} (process ${pid}); containers go on.\n`);
    return 0;
  },
});
