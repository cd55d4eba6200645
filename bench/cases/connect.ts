import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Case, timed } from '../case.ts';
import { command } from '../command.ts';
import { launch, remove } from '../containers.ts';
import { withNamespaces } from '../fixtures/namespaces.ts';

const network = 'silobench-second';

export const connect: Case = {
  name: 'connect',
  title: 'a running container joins a network',
  unit: 'ms',
  target: 15,
  runs: 15,
  async prepare(engine) {
    const { api } = engine;
    await api.call('DELETE', `/networks/${network}`, { accept: [404] });
    await api.call('POST', '/networks/create', { body: { Name: network } });
    const id = await launch(engine, { cmd: ['sleep', '600'], network: 'bridge' });
    const place = { Container: id };
    return {
      async once() {
        const took = await timed(() => api.call('POST', `/networks/${network}/connect`, { body: place }));
        await api.call('POST', `/networks/${network}/disconnect`, { body: place });
        return took;
      },
      async cleanup() {
        await remove(api, id);
        await api.call('DELETE', `/networks/${network}`);
      },
    };
  },
  /** One `ip -batch` for the pair and its bridge, one inside for addresses; taking it away is not counted. */
  prepareFloor: (fixtures) =>
    withNamespaces(async (namespaces) => {
      const host = await namespaces.make('host');
      const { name } = await namespaces.make('inside');
      await command(['ip', '-n', host.name, 'link', 'add', 'br0', 'type', 'bridge']);
      await command(['ip', '-n', host.name, 'link', 'set', 'br0', 'up']);
      const folder = await fixtures.emptyFolder();
      const [outside, inside] = [join(folder, 'outside'), join(folder, 'inside')];
      await writeFile(
        outside,
        `link add v0 master br0 type veth peer name eth1 netns ${name}\nlink set v0 up\n`,
      );
      await writeFile(
        inside,
        'addr add 10.77.0.2/24 dev eth1\naddr add fd77::2/64 dev eth1 nodad\nlink set eth1 up\n',
      );
      return async () => {
        const took = await timed(async () => {
          await command(['ip', '-n', host.name, '-batch', outside]);
          await command(['ip', '-n', name, '-batch', inside]);
        });
        await command(['ip', '-n', host.name, 'link', 'del', 'v0']);
        return took;
      };
    }),
};
