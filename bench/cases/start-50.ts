import { type Case, nothing, timed } from '../case.ts';
import { create, eachOf, remove, start } from '../containers.ts';

const count = 50;
const width = 8;

export const start50: Case = {
  name: 'start-50',
  title: `start ${count} on a bridge, ${width} at a time`,
  unit: 'ms',
  target: 1300,
  runs: 3,
  prepare: (engine) =>
    Promise.resolve({
      async once() {
        const ids: string[] = [];
        const places = Array.from({ length: count }, (_, index) => index);
        try {
          for (const _ of places)
            ids.push(await create(engine, { cmd: ['sleep', '100000'], network: 'bridge' }));
          return await timed(() => eachOf(ids, width, (id) => start(engine.api, id)));
        } finally {
          await eachOf(ids, width, (id) => remove(engine.api, id));
        }
      },
      cleanup: nothing,
    }),
};
