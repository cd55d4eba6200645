import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { type Case, timed } from '../case.ts';
import { launch, remove } from '../containers.ts';
import { freePort } from '../fixtures/free-port.ts';
import { zeroBytes, zeroServer } from '../fixtures/namespaces.ts';

const serverPort = 8000;

export const publishedPort: Case = {
  name: 'published-port',
  title: 'published port, through loopback',
  unit: 'Gbit/s',
  target: 15,
  runs: 5,
  async prepare(engine) {
    const { api } = engine;
    const id = await launch(engine, { cmd: zeroServer(serverPort), network: 'bridge', publish: serverPort });
    const facts = (await api.call('GET', `/containers/${id}/json`)).json() as {
      NetworkSettings: { Ports: Record<string, { HostPort: string }[]> };
    };
    const port = Number(facts.NetworkSettings.Ports[`${serverPort}/tcp`]?.[0]?.HostPort);
    return { once: () => download(port), cleanup: () => remove(api, id) };
  },
  async prepareFloor() {
    const port = await freePort();
    const child = spawn('busybox', zeroServer(port), { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    return {
      once: () => download(port),
      async cleanup() {
        child.kill();
        await ended;
      },
    };
  },
};

/** Reads all that one connection brings. */
async function download(port: number): Promise<number> {
  let bytes = 0;
  const took = await timed(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1');
        socket.on('data', (chunk: Buffer) => void (bytes += chunk.length));
        socket.once('end', resolve).once('error', reject);
      }),
  );
  if (bytes !== zeroBytes) throw new Error(`${bytes} bytes came of ${zeroBytes}`);
  return (bytes * 8) / 1e6 / took;
}
