import { type Case, nothing } from '../case.ts';
import { manyCount, tenThousandContainers } from '../fixtures/ten-thousand.ts';

export const ready10000: Case = {
  name: 'ready-10000',
  title: `daemon start to first answer with ${manyCount} records`,
  unit: 'ms',
  target: 300,
  runs: 5,
  async prepare(engine, fixtures) {
    const { restart, seed } = engine;
    if (!restart || !seed) return undefined;
    await tenThousandContainers(engine, seed, fixtures);
    return { once: () => restart(), cleanup: nothing };
  },
};
