import { type Case, nothing, timed } from '../case.ts';
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
      once: () =>
        timed(async () => {
          const listed = (await engine.api.call('GET', '/containers/json?all=true')).json() as unknown[];
          if (listed.length < manyCount) throw new Error(`only ${listed.length} containers were listed`);
        }),
      cleanup: nothing,
    };
  },
};
