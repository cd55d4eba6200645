import { relay } from '../../../client/relay.ts';
import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  name: 'system dial-stdio',
  summary: 'Proxy the stdio stream to the daemon connection. Should not be invoked manually',
  usage: '',
  options: {},
  args: { min: 0, max: 0 },
  hidden: true,
  examples: ['ssh engine.example silo system dial-stdio'],
  async run({ client, target, io }) {
    // The default daemon is started when it does not run.
    await (await client()).system.ping();
    const { host, tls } = await target();
    await relay(host, { tls, input: io.stdin, output: io.stdout });
    return 0;
  },
});
