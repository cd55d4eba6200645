import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Case } from '../case.ts';
import { command } from '../command.ts';
import { launch, remove } from '../containers.ts';
import {
  type Namespaces,
  serveZeroes,
  takeZeroes,
  withNamespaces,
  zeroServer,
} from '../fixtures/namespaces.ts';

const port = 8000;

export const publishedOutside: Case = {
  name: 'published-outside',
  title: 'published port, from another machine',
  unit: 'Gbit/s',
  runs: 7,
  async prepare(engine) {
    const { api } = engine;
    const id = await launch(engine, {
      cmd: zeroServer(port),
      network: 'bridge',
      publish: port,
      publishOn: '0.0.0.0',
    });
    const facts = (await api.call('GET', `/containers/${id}/json`)).json() as {
      NetworkSettings: { Ports: Record<string, { HostPort: string }[]> };
    };
    const hostPort = Number(facts.NetworkSettings.Ports[`${port}/tcp`]?.[0]?.HostPort);
    const trial = await withNamespaces(async (namespaces) => {
      const { client, host } = await attachClient(namespaces);
      return () => takeZeroes(client, host, hostPort);
    });
    return {
      ...trial,
      async cleanup() {
        await trial.cleanup();
        await remove(api, id);
      },
    };
  },
  /** A machine of three namespaces: client, host with the least rules that publish a port and hide the container, container. */
  prepareFloor: (fixtures) =>
    withNamespaces(async (namespaces) => {
      const middle = await namespaces.make('host');
      const server = await namespaces.make('server');
      const { client, host } = await attachClient(namespaces, middle.name);
      const inMiddle = (...words: string[]): Promise<void> =>
        command(['ip', 'netns', 'exec', middle.name, ...words]);
      for (const words of [
        'ip link add br0 type bridge',
        'ip addr add 10.77.0.1/24 dev br0',
        'ip link set br0 up',
        `ip link add v0 master br0 type veth peer name eth0 netns ${server.name}`,
        'ip link set v0 up',
        `ip -n ${server.name} addr add 10.77.0.2/24 dev eth0`,
        `ip -n ${server.name} link set eth0 up`,
        `ip -n ${server.name} route add default via 10.77.0.1`,
      ])
        await inMiddle(...words.split(' '));
      await inMiddle('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
      const rules = join(await fixtures.emptyFolder(), 'rules');
      await writeFile(rules, ruleset);
      await inMiddle('nft', '-f', rules);
      namespaces.later(serveZeroes(server.path, port));
      return () => takeZeroes(client, host, port);
    }),
};

const ruleset = `table inet floor {
  map ports { type inet_proto . inet_service : ipv4_addr . inet_service; elements = { tcp . ${port} : 10.77.0.2 . ${port} }; }
  chain prerouting { type nat hook prerouting priority dstnat; fib daddr type local dnat ip to meta l4proto . th dport map @ports; }
  chain postrouting { type nat hook postrouting priority srcnat; ip saddr 10.77.0.0/24 oifname != "br0" masquerade; }
  chain forward { type filter hook forward priority filter; ct state established,related accept; oifname "br0" ct status dnat accept; oifname "br0" drop; }
}
`;

let clients = 0;

/** A machine on a wire of its own to the host, which is this one or a namespace. */
async function attachClient(
  namespaces: Namespaces,
  hostNamespace?: string,
): Promise<{ client: string; host: string }> {
  const { name, path } = await namespaces.make('client');
  const number = clients++;
  const link = `silobw${number}`;
  const net = 64 + number;
  const onHost = (words: string): Promise<void> =>
    command(['ip', ...(hostNamespace === undefined ? [] : ['-n', hostNamespace]), ...words.split(' ')]);
  await onHost(`link add ${link} type veth peer name eth0 netns ${name}`);
  await onHost(`addr add 198.51.100.${net * 2}/31 dev ${link}`);
  await onHost(`link set ${link} up`);
  await command(['ip', '-n', name, 'addr', 'add', `198.51.100.${net * 2 + 1}/31`, 'dev', 'eth0']);
  await command(['ip', '-n', name, 'link', 'set', 'eth0', 'up']);
  return { client: path, host: `198.51.100.${net * 2}` };
}
