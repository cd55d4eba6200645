import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Case, nothing, timed } from '../case.ts';
import { command } from '../command.ts';
import { create, remove, start, wait } from '../containers.ts';
import { createBundles } from '../fixtures/bundle.ts';

const bridge = 'silobfloor0';

export const runBridge: Case = {
  name: 'run-bridge',
  title: 'the same on a bridge network',
  unit: 'ms',
  target: 40,
  runs: 15,
  prepare: (engine) =>
    Promise.resolve({
      once: () =>
        timed(async () => {
          const id = await create(engine, { cmd: ['true'], network: 'bridge' });
          await start(engine.api, id);
          await wait(engine.api, id);
          await remove(engine.api, id);
        }),
      cleanup: nothing,
    }),
  /** One `ip -batch` makes the pair and joins it to a bridge, crun runs in the namespace; taking the namespace down is not counted. */
  async prepareFloor(fixtures) {
    const bundles = await createBundles(fixtures);
    const folder = await fixtures.emptyFolder();
    await command(['ip', 'link', 'add', bridge, 'type', 'bridge']);
    await command(['ip', 'link', 'set', bridge, 'up']);
    let runs = 0;
    return {
      async once() {
        const namespace = `silobench-${process.pid}-${runs}`;
        const link = `silob${runs++}`;
        await command(['ip', 'netns', 'add', namespace]);
        const bundle = await bundles.make(['true'], { networkNamespace: `/run/netns/${namespace}` });
        const batch = join(folder, namespace);
        await writeFile(
          batch,
          `link add ${link} type veth peer name eth0 netns ${namespace}\nlink set ${link} master ${bridge} up\n`,
        );
        try {
          return await timed(async () => {
            await command(['ip', '-batch', batch]);
            await command([...bundles.crun, 'run', '--bundle', bundle, bundles.nextId()]);
          });
        } finally {
          await command(['ip', 'netns', 'del', namespace]);
        }
      },
      cleanup: () => command(['ip', 'link', 'del', bridge]),
    };
  },
};
