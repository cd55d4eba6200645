import { type Case, nothing, timed } from '../case.ts';
import { command } from '../command.ts';
import { create, remove, start, wait } from '../containers.ts';
import { createBundles } from '../fixtures/bundle.ts';

export const runNone: Case = {
  name: 'run-none',
  title: 'create + start + wait + delete, no network',
  unit: 'ms',
  target: 30,
  runs: 15,
  prepare: (engine) =>
    Promise.resolve({
      once: () =>
        timed(async () => {
          const id = await create(engine, { cmd: ['true'] });
          await start(engine.api, id);
          await wait(engine.api, id);
          await remove(engine.api, id);
        }),
      cleanup: nothing,
    }),
  async prepareFloor(fixtures) {
    const bundles = await createBundles(fixtures);
    const bundle = await bundles.make(['true']);
    return {
      once: () => timed(() => command([...bundles.crun, 'run', '--bundle', bundle, bundles.nextId()])),
      cleanup: nothing,
    };
  },
};
