import { expect, test } from 'bun:test';
import { silentLog } from '../../foundation/base/log.ts';
import { createFirewall } from './firewall.ts';
import type { FirewallPlan, PublishedPort } from './firewall-rules.ts';

const empty: FirewallPlan = { table: 'silo', networks: [], ports: [], ipv6Loopback: true };
const published = (hostPort: number): PublishedPort => ({
  protocol: 'tcp',
  hostAddress: '0.0.0.0',
  hostPort,
  address: '172.29.0.2',
  containerPort: 80,
});
const open =
  (hostPort: number) =>
  (plan: FirewallPlan): FirewallPlan => ({
    ...plan,
    ports: [...plan.ports, published(hostPort)],
  });

/** Records the scripts and ends each transaction when told. */
function transactions(fail: (script: string) => boolean = () => false): {
  scripts: string[];
  runNft: (script: string) => Promise<void>;
} {
  const scripts: string[] = [];
  return {
    scripts,
    runNft: async (script) => {
      scripts.push(script);
      await new Promise((done) => setImmediate(done));
      if (fail(script)) throw new Error('nft failed');
    },
  };
}

test('changes that arrive during a transaction go together into the next', async () => {
  const { scripts, runNft } = transactions();
  const firewall = createFirewall(empty, { runNft, log: silentLog });
  await firewall.change((plan) => plan);
  const first = firewall.change(open(1));
  await Promise.resolve();
  await Promise.resolve();
  await Promise.all([first, ...[2, 3, 4, 5].map((port) => firewall.change(open(port)))]);
  expect(scripts).toHaveLength(3);
  expect(scripts[1]).toBe('add element inet silo any4 { tcp . 1 : 172.29.0.2 . 80 }\n');
  expect(scripts[2]).toContain('tcp . 2 : 172.29.0.2 . 80, tcp . 3');
});

test('a change that changes nothing runs nothing', async () => {
  const { scripts, runNft } = transactions();
  const firewall = createFirewall(empty, { runNft, log: silentLog });
  await firewall.change(open(1));
  await firewall.change((plan) => plan);
  expect(scripts).toHaveLength(1);
});

test('a refused change is followed by the whole table', async () => {
  const { scripts, runNft } = transactions((script) => script.startsWith('add element'));
  const firewall = createFirewall(empty, { runNft, log: silentLog });
  await firewall.change(open(1));
  await firewall.change(open(2));
  expect(scripts).toHaveLength(3);
  expect(scripts[2]).toStartWith('add table inet silo\ndelete table inet silo\n');
  expect(scripts[2]).toContain('tcp . 1 : 172.29.0.2 . 80, tcp . 2 : 172.29.0.2 . 80');
});

test('a failure reaches who asked, and the next change starts from the whole table', async () => {
  let broken = true;
  const { scripts, runNft } = transactions(() => broken);
  const firewall = createFirewall(empty, { runNft, log: silentLog });
  expect(await firewall.change(open(1)).catch(String)).toContain('nft failed');
  broken = false;
  await firewall.change((plan) => ({ ...plan, ports: [] }));
  expect(scripts).toHaveLength(2);
  expect(scripts[1]).not.toContain('tcp . 1');
});

test('ports come and go without nft, until a change is refused', async () => {
  const { scripts, runNft } = transactions();
  const changes: string[] = [];
  let broken = false;
  const firewall = createFirewall(empty, {
    runNft,
    changeElements: async (table, all) => {
      if (broken) throw new Error('ENOENT');
      changes.push(
        ...all.map(({ set, removed, added }) => `${table} ${set} -${removed.length} +${added.length}`),
      );
    },
    log: silentLog,
  });
  await firewall.change(open(1));
  expect(scripts).toHaveLength(1);
  await Promise.all([firewall.change(open(2)), firewall.change(open(3))]);
  await firewall.change((plan) => ({ ...plan, ports: [] }));
  expect(changes).toEqual(['silo any4 -0 +2', 'silo any4 -3 +0']);
  expect(scripts).toHaveLength(1);
  broken = true;
  await firewall.change(open(4));
  expect(scripts).toHaveLength(2);
  expect(scripts[1]).toStartWith('add table inet silo\ndelete table inet silo\n');
});
