import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { openChannels } from '../../src/foundation/http/channels/channels.ts';

/* What `silo build` does when its user gives up, with an engine that answers nothing unasked. */

let folder: string;
let server: Server;
let builds: PromiseWithResolvers<Duplex>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'silo-abandoned-'));
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\n');
  server = createServer((_, response) => void response.setHeader('Api-Version', '1.51').end('OK'));
  server.on('upgrade', (_, socket: Duplex) => {
    socket.on('error', () => undefined);
    socket.write(
      'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
    );
    openChannels(
      {
        input: socket,
        write: (bytes) => socket.write(bytes),
        drained: () => Promise.resolve(),
        end: () => void socket.end(),
        destroy: () => void socket.destroy(),
      },
      { side: 'server', onOpen: (_words, channel) => builds.resolve(channel) },
    );
  });
  server.listen(join(folder, 's.sock'));
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Once the engine has the request. */
async function begin(
  ...words: string[]
): Promise<{ child: ChildProcess; channel: Duplex; sent: () => string }> {
  builds = Promise.withResolvers<Duplex>();
  const silo = join(import.meta.dir, '../../src/bin/silo.ts');
  const child = spawn(process.execPath, [silo, 'build', ...words, folder], {
    env: { ...process.env, SILO_HOST: `unix://${join(folder, 's.sock')}`, HOME: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const channel = await builds.promise;
  let sent = '';
  channel.on('data', (bytes: Buffer) => (sent += String(bytes)));
  await until(channel, () => sent.includes('\n'));
  return { child, channel, sent: () => sent };
}

async function until(channel: Duplex, holds: () => boolean): Promise<void> {
  while (!holds()) await once(channel, 'data');
}

test('the first interrupt asks the engine to end the build, the second does not wait for it', async () => {
  const { child, channel, sent } = await begin();
  const ended = once(child, 'close');
  child.kill('SIGINT');
  await until(channel, () => sent().includes('"cancel"'));
  child.kill('SIGINT');
  expect(await ended).toEqual([null, 'SIGINT']);
}, 60_000);

test('a build whose output is read no longer is not said to have worked', async () => {
  const { child, channel } = await begin('--progress=plain');
  const ended = once(child, 'close');
  child.stdout?.destroy();
  channel.write('{"kind":"exporting","text":"x"}\n');
  expect(await ended).toEqual([1, null]);
}, 60_000);
