import { type Case, nothing, timed } from '../case.ts';
import { command } from '../command.ts';
import { create, remove, start, wait } from '../containers.ts';
import { createBundles } from '../fixtures/bundle.ts';
import { writeLines } from './log-lines.ts';

export const logsWrite: Case = {
  name: 'logs-write',
  title: 'container writes 200,000 log lines',
  unit: 'ms',
  target: 350,
  runs: 5,
  prepare: (engine) =>
    Promise.resolve({
      async once() {
        const id = await create(engine, { cmd: writeLines });
        try {
          return await timed(async () => {
            await start(engine.api, id);
            await wait(engine.api, id);
          });
        } finally {
          await remove(engine.api, id);
        }
      },
      cleanup: nothing,
    }),
  /** Nobody reads the lines. */
  async prepareFloor(fixtures) {
    const bundles = await createBundles(fixtures);
    const bundle = await bundles.make(writeLines);
    return {
      once: () => timed(() => command([...bundles.crun, 'run', '--bundle', bundle, bundles.nextId()])),
      cleanup: nothing,
    };
  },
};
