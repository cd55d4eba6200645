import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, nothing } from '../case.ts';
import { command } from '../command.ts';
import { eachOf, launch, remove } from '../containers.ts';
import { createBundles } from '../fixtures/bundle.ts';
import { allProcesses, memoryOf } from '../processes.ts';

const count = 20;

/** What the engine, its monitors and helpers grow by, divided by the containers. The processes inside are not counted. */
export const idleMemory: Case = {
  name: 'idle-memory',
  title: `engine-side memory per idle container (PSS, of ${count})`,
  unit: 'MB',
  target: 0.45,
  runs: 3,
  prepare(engine) {
    if (engine.processes() === undefined) return Promise.resolve(undefined);
    const measure = (): number => memoryOf(engine.processes() ?? []);
    return Promise.resolve({
      async once() {
        const ids: string[] = [];
        try {
          await settle();
          const before = measure();
          await eachOf(Array.from({ length: count }), 2, async () => {
            ids.push(await launch(engine, { cmd: ['sleep', '100000'], network: 'bridge' }));
          });
          await settle();
          return (measure() - before) / count;
        } finally {
          await eachOf(ids, 4, (id) => remove(engine.api, id));
        }
      },
      cleanup: nothing,
    });
  },
  /** conmon with crun, one per container. */
  async prepareFloor(fixtures) {
    const bundles = await createBundles(fixtures);
    const bundle = await bundles.make(['sleep', '100000']);
    return {
      async once() {
        const folder = await fixtures.emptyFolder();
        const ids = Array.from({ length: count }, () => bundles.nextId());
        try {
          for (const id of ids) await monitored(folder, bundle, bundles.crun, id);
          await settle();
          const monitors = allProcesses().filter(({ words }) => words.includes(`${folder}/`));
          return memoryOf(monitors.map(({ pid }) => pid)) / count;
        } finally {
          for (const id of ids) await command([...bundles.crun, 'delete', '--force', id]);
        }
      },
      cleanup: nothing,
    };
  },
};

/** Starts one container under conmon, which goes into the background. */
async function monitored(folder: string, bundle: string, crun: string[], id: string): Promise<void> {
  const pidFile = join(folder, `${id}.container`);
  const [, ...runtimeArgs] = crun;
  const names = [
    '--cid',
    id,
    '--cuuid',
    id,
    '--name',
    id,
    '--bundle',
    bundle,
    '--container-pidfile',
    pidFile,
  ];
  const files = ['--log-path', `k8s-file:${join(folder, `${id}.log`)}`, '--exit-dir', folder];
  const runtime = ['--runtime', '/usr/bin/crun', ...runtimeArgs.flatMap((word) => [`--runtime-arg=${word}`])];
  const monitor = spawn('conmon', [...names, ...files, '--socket-dir-path', folder, ...runtime], {
    stdio: 'ignore',
  });
  await new Promise<void>((resolve, reject) => {
    monitor.once('error', reject).once('exit', () => resolve());
  });
  while (!existsSync(pidFile)) await new Promise((resolve) => setTimeout(resolve, 10));
  await command([...crun, 'start', id]);
}

/** Lets start-up work end, and collectors run. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1500));
