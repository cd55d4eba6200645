import { type Case, nothing, timed } from '../case.ts';
import { listAll } from '../containers.ts';
import { manyCount, tenThousandContainers } from '../fixtures/ten-thousand.ts';

export const ps10000: Case = {
  name: 'ps-10000',
  title: `\`ps -a\` with ${manyCount} stopped containers`,
  unit: 'ms',
  target: 150,
  runs: 15,
  async prepare(engine, fixtures) {
    if (!engine.seed) return undefined;
    await tenThousandContainers(engine, engine.seed, fixtures);
    return {
      once: () => timed(() => listAll(engine.api, manyCount)),
      cleanup: nothing,
    };
  },
};
