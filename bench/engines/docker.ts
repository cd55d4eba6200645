import { spawnSync } from 'node:child_process';
import { createApi } from '../api.ts';
import { command } from '../command.ts';
import type { Fixtures } from '../fixtures/fixtures.ts';
import { allProcesses } from '../processes.ts';
import { type Engine, furnish, imageName, processesBeside, unfurnish } from './engine.ts';

/** The Docker that a host variable names, which stays up; otherwise that of the peers, which is brought up and down. */
export async function startDocker(
  fixtures: Fixtures,
  source: { host: string } | { peers: string },
): Promise<Engine> {
  await using undo = new AsyncDisposableStack();
  const socket = 'host' in source ? socketOf(source.host) : await peersUp(source.peers, undo);
  const api = createApi(socket);
  undo.defer(() => api.reset());
  const version = await furnish(api, await fixtures.rootfsTar());
  undo.defer(() => unfurnish(api));
  const daemon = 'peers' in source ? daemonOf(socket) : undefined;
  const hasClient = spawnSync('docker', ['--version']).status === 0;
  const end = undo.move();
  return {
    name: 'docker',
    version,
    api,
    image: imageName,
    processes: () => (daemon === undefined ? undefined : processesBeside(daemon)),
    ...(hasClient ? { versionCommand: ['docker', '-H', `unix://${socket}`, 'version'] } : {}),
    [Symbol.asyncDispose]: () => end.disposeAsync(),
  };
}

function socketOf(host: string): string {
  if (!host.startsWith('unix://'))
    throw new Error(
      `DOCKER_HOST is ${host}: the benchmark needs a unix socket, over a network it would measure the network`,
    );
  return host.slice('unix://'.length);
}

async function peersUp(peers: string, undo: AsyncDisposableStack): Promise<string> {
  const socket = process.env['PEERS_SOCK'] ?? '/tmp/peer-docker.sock';
  const wasUp = await createApi(socket)
    .call('GET', '/_ping')
    .then(
      () => true,
      () => false,
    );
  if (wasUp) return socket;
  await command([peers, 'up']);
  undo.defer(() => command([peers, 'down']));
  return socket;
}

function daemonOf(socket: string): number | undefined {
  const name = socket.slice(socket.lastIndexOf('/') + 1);
  return allProcesses().find(({ words }) => /^\S*dockerd /.test(words) && words.includes(name))?.pid;
}
