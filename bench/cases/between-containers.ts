import type { Case } from '../case.ts';
import { command } from '../command.ts';
import { launch, remove } from '../containers.ts';
import { serveZeroes, takeZeroes, withNamespaces, zeroServer } from '../fixtures/namespaces.ts';

const network = 'silobench-pair';
const port = 8000;

interface Facts {
  State: { Pid: number };
  NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
}

export const betweenContainers: Case = {
  name: 'between-containers',
  title: 'from container to container on a user network',
  unit: 'Gbit/s',
  runs: 7,
  async prepare(engine) {
    const { api } = engine;
    await api.call('DELETE', `/networks/${network}`, { accept: [404] });
    await api.call('POST', '/networks/create', { body: { Name: network } });
    const server = await launch(engine, { cmd: zeroServer(port), network });
    const client = await launch(engine, { cmd: ['sleep', '600'], network });
    const factsOf = async (id: string): Promise<Facts> =>
      (await api.call('GET', `/containers/${id}/json`)).json() as Facts;
    const address = (await factsOf(server)).NetworkSettings.Networks[network]?.IPAddress ?? '';
    const { Pid: pid } = (await factsOf(client)).State;
    return {
      once: () => takeZeroes(`/proc/${pid}/ns/net`, address, port),
      async cleanup() {
        for (const id of [server, client]) await remove(api, id);
        await api.call('DELETE', `/networks/${network}`);
      },
    };
  },
  /** Two namespaces on a bridge, the bridge in a third one: no rules of anybody on the way. */
  prepareFloor: () =>
    withNamespaces(async (namespaces) => {
      const middle = await namespaces.make('bridge');
      const inMiddle = (words: string): Promise<void> =>
        command(['ip', '-n', middle.name, ...words.split(' ')]);
      await inMiddle('link add br0 type bridge');
      await inMiddle('link set br0 up');
      const ends = [];
      for (const [index, role] of ['server', 'client'].entries()) {
        const end = await namespaces.make(role);
        await inMiddle(`link add v${index} master br0 type veth peer name eth0 netns ${end.name}`);
        await inMiddle(`link set v${index} up`);
        await command(['ip', '-n', end.name, 'addr', 'add', `10.77.0.${index + 2}/24`, 'dev', 'eth0']);
        await command(['ip', '-n', end.name, 'link', 'set', 'eth0', 'up']);
        ends.push(end.path);
      }
      const [server = '', client = ''] = ends;
      namespaces.later(serveZeroes(server, port));
      return () => takeZeroes(client, '10.77.0.2', port);
    }),
};
