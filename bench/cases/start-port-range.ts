import { type Case, timed } from '../case.ts';
import { create, remove, start } from '../containers.ts';

const first = 21_000;
const count = 500;

export const startPortRange: Case = {
  name: 'start-port-range',
  title: `start with ${count} published ports`,
  unit: 'ms',
  target: 100,
  runs: 5,
  prepare(engine) {
    const ports = Array.from({ length: count }, (_, index) => first + index);
    return Promise.resolve({
      async once() {
        const id = await create(engine, { cmd: ['sleep', '600'], network: 'bridge', publishSame: ports });
        try {
          return await timed(() => start(engine.api, id));
        } finally {
          await remove(engine.api, id);
        }
      },
      cleanup: () => Promise.resolve(),
    });
  },
};
