import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createApi } from '../api.ts';
import type { Fixtures } from '../fixtures/fixtures.ts';
import { createDaemon } from './daemon.ts';
import { type Engine, furnish, imageName, processesBeside, unfurnish } from './engine.ts';

/** Podman's API service among the peers, with a store of its own. The host's /tmp is /hosttmp there. */
export async function startPodman(fixtures: Fixtures, peers: string): Promise<Engine> {
  const directory = join(fixtures.directory, 'podman');
  const inside = `/hosttmp/${basename(fixtures.directory)}/podman`;
  const socket = join(directory, 'p.sock');
  await mkdir(directory);
  await writeFile(
    join(directory, 'registries.conf'),
    `[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n`,
  );
  const storage = ['--root', `${inside}/root`, '--runroot', `${inside}/run`, '--tmpdir', `${inside}/tmp`];
  const manners = ['--cgroup-manager', 'cgroupfs', '--events-backend', 'file'];
  const service = ['system', 'service', '--time=0', `unix://${inside}/p.sock`];
  const daemon = createDaemon({
    command: [peers, 'run', 'podman', ...storage, ...manners, ...service],
    env: { CONTAINERS_REGISTRIES_CONF: `${inside}/registries.conf` },
    socket,
    log: join(fixtures.directory, 'podman.log'),
  });
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  undo.defer(async () => {
    // The monitors of ended execs stay for five minutes, to run a clean-up in the folder that goes now.
    const left = processesBeside(daemon.pid()).filter((pid) => pid !== daemon.pid());
    await daemon.stop();
    for (const pid of left) end(pid);
  });
  await daemon.start();
  const api = createApi(socket);
  undo.defer(() => api.reset());
  const version = await furnish(api, await fixtures.rootfsTar());
  undo.defer(() => unfurnish(api));
  const disposal = undo.move();
  return {
    name: 'podman',
    version,
    api,
    image: imageName,
    processes: () => processesBeside(daemon.pid()),
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
