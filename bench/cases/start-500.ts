import { type Case, nothing } from '../case.ts';
import { stoppedContainers, stoppedCount } from '../fixtures/stopped-containers.ts';

export const start500: Case = {
  name: 'start-500',
  title: `daemon start to first answer with ${stoppedCount} records`,
  unit: 'ms',
  runs: 5,
  async prepare(engine, fixtures) {
    const { restart } = engine;
    if (restart === undefined) return undefined;
    await stoppedContainers(engine, fixtures);
    return { once: () => restart(), cleanup: nothing };
  },
};
