import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { seedContainers } from '../../test/disk/seed.ts';
import { removeAll } from '../../test/e2e/footprint.ts';
import { createApi } from '../api.ts';
import type { Fixtures } from '../fixtures/fixtures.ts';
import { allProcesses } from '../processes.ts';
import { createDaemon } from './daemon.ts';
import { type Engine, furnish, imageName } from './engine.ts';

const root = join(import.meta.dir, '../..');

export interface Program {
  command: string[];
  /** For the report: which of the two was measured. */
  from: 'dist/silo' | 'source';
}

/** The built executable when it is newer than every source, else the sources. */
export function siloProgram(): Program {
  const built = join(root, 'dist/silo');
  return existsSync(built) && statSync(built).mtimeMs > newestIn(join(root, 'src'))
    ? { command: [built], from: 'dist/silo' }
    : { command: [process.execPath, join(root, 'src/bin/silo.ts')], from: 'source' };
}

export async function startSilo(fixtures: Fixtures, program: Program): Promise<Engine> {
  const directory = join(fixtures.directory, 'silo');
  const footprint = { directory, bridge: 'silobench0', cgroupParent: '/silobench' };
  const socket = join(directory, 's.sock');
  const roots = ['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')];
  const names = ['--bridge', footprint.bridge, '--cgroup-parent', footprint.cgroupParent];
  await mkdir(directory);
  const daemon = createDaemon({
    command: [...program.command, 'daemon', ...roots, '-H', `unix://${socket}`, ...names],
    socket,
    log: join(fixtures.directory, 'silo.log'),
  });
  await using undo = new AsyncDisposableStack();
  undo.defer(() => removeAll(footprint));
  undo.defer(() => daemon.stop());
  await daemon.start();
  const api = createApi(socket);
  undo.defer(() => api.reset());
  const version = await furnish(api, await fixtures.rootfsTar());
  const end = undo.move();
  return {
    name: 'silo',
    version,
    api,
    image: imageName,
    processes: () =>
      allProcesses()
        .filter(({ words }) => words.includes(`${directory}/`))
        .map(({ pid }) => pid),
    versionCommand: [...program.command, '-H', `unix://${socket}`, 'version'],
    async restart() {
      api.reset();
      await daemon.stop();
      return await daemon.start();
    },
    async seed(id, count) {
      api.reset();
      await daemon.stop();
      seedContainers(join(directory, 'data'), id, count);
      await daemon.start();
    },
    [Symbol.asyncDispose]: () => end.disposeAsync(),
  };
}

function newestIn(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Math.max(
    ...entries
      .filter((entry) => entry.isFile() && !/\.(test|contract)\.ts$/.test(entry.name))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
}
