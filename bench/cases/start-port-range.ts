import { type Case, timed } from '../case.ts';
import { create, remove, start } from '../containers.ts';
import type { EngineName } from '../engines/engine.ts';

const count = 500;
/** A range for each: an engine that does not end in time holds its ports while the next one is measured. */
const firsts: Record<EngineName, number> = { silo: 21_000, docker: 22_000, podman: 23_000 };

export const startPortRange: Case = {
  name: 'start-port-range',
  title: `start with ${count} published ports`,
  unit: 'ms',
  target: 100,
  runs: 5,
  prepare(engine) {
    const first = firsts[engine.name];
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
