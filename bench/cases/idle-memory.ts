import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, nothing } from '../case.ts';
import { command } from '../command.ts';
import { eachOf, launch, remove } from '../containers.ts';
import { createBundles } from '../fixtures/bundle.ts';
import { allProcesses, memoryOf } from '../processes.ts';

const count = 20;

/**
 * What the engine, its monitors and helpers hold more while the containers are there, divided by the containers; the processes inside are not
 * counted. Compared with the mean of before and after, so that an engine that only warms up is not charged for it.
 */
export const idleMemory: Case = {
  name: 'idle-memory',
  title: `engine-side memory per idle container (PSS, of ${count})`,
  unit: 'MB',
  target: 0.45,
  runs: 3,
  async prepare(engine) {
    if (engine.processes() === undefined) return undefined;
    const measure = (): number => memoryOf(engine.processes() ?? []);
    const ids: string[] = [];
    const fill = (): Promise<void> =>
      eachOf(Array.from({ length: count }), 2, async () => {
        ids.push(await launch(engine, { cmd: ['sleep', '100000'], network: 'bridge' }));
      });
    const empty = (): Promise<void> => eachOf(ids.splice(0), 4, (id) => remove(engine.api, id));
    await fill();
    await empty();
    return {
      async once() {
        const before = await settled(measure);
        await fill();
        const full = await settled(measure);
        await empty();
        return (full - (before + (await settled(measure))) / 2) / count;
      },
      cleanup: empty,
    };
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
          const monitors = allProcesses().filter(({ words }) => words.includes(`${folder}/`));
          return (await settled(() => memoryOf(monitors.map(({ pid }) => pid)))) / count;
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

/** Asks until nothing changes any more: start-up work ends, collectors run and give memory back to the system. */
async function settled(measure: () => number): Promise<number> {
  const seen: number[] = [];
  for (let ask = 0; ask < 40; ask++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    seen.push(measure());
    const last = seen.slice(-6);
    if (last.length === 6 && Math.max(...last) - Math.min(...last) < 0.3) break;
  }
  return seen.at(-1) ?? 0;
}
