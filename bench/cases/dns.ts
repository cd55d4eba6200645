import { readFile } from 'node:fs/promises';
import type { Case } from '../case.ts';
import { outputOf } from '../command.ts';
import { launch, remove } from '../containers.ts';

const network = 'silobench-names';
const wanted = 'silobench-db';

/**
 * Asks the same question again and again with 64 under way, for two seconds, and writes answers per second. It runs in the network namespace of a
 * container, so what it asks goes the way that programs there go.
 */
const load = `
const [server, name] = process.argv.slice(1);
const question = Buffer.concat([
  Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
  ...name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
  Buffer.from([0, 0, 1, 0, 1]),
]);
let answers = 0;
let wrong = 0;
const socket = await Bun.udpSocket({
  connect: { hostname: server, port: 53 },
  socket: {
    data(own, bytes) {
      if ((bytes[3] & 15) === 0 && bytes[7] > 0) answers++;
      else wrong++;
      own.send(question);
    },
  },
});
for (let count = 0; count < 64; count++) socket.send(question);
await new Promise((done) => setTimeout(done, 500));
const [before, start] = [answers, performance.now()];
await new Promise((done) => setTimeout(done, 2000));
if (wrong > 0) throw new Error(wrong + ' answers without an address');
console.log(Math.round(((answers - before) / (performance.now() - start)) * 1000));
process.exit(0);`;

export const dns: Case = {
  name: 'dns',
  title: 'DNS on a user network, 64 questions under way',
  unit: 'queries/s',
  target: 40_000,
  runs: 5,
  async prepare(engine) {
    const { api } = engine;
    await api.call('DELETE', `/networks/${network}`, { accept: [404] });
    await api.call('POST', '/networks/create', { body: { Name: network } });
    const ids: string[] = [];
    for (const name of [wanted, 'silobench-client'])
      ids.push(await launch(engine, { cmd: ['sleep', '600'], network, name }));
    const facts = (await api.call('GET', `/containers/${ids[1] ?? ''}/json`)).json() as {
      State: { Pid: number };
    };
    const { Pid: pid } = facts.State;
    const settings = await readFile(`/proc/${pid}/root/etc/resolv.conf`, 'utf8');
    const server = /^nameserver (\S+)/m.exec(settings)?.[1] ?? '';
    return {
      async once() {
        const words = ['nsenter', `--net=/proc/${pid}/ns/net`, process.execPath, '-e', load, server, wanted];
        return Number(await outputOf(words));
      },
      async cleanup() {
        for (const id of ids) await remove(api, id);
        await api.call('DELETE', `/networks/${network}`);
      },
    };
  },
};
