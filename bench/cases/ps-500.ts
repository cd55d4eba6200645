import { type Case, nothing, timed } from '../case.ts';
import { stoppedContainers, stoppedCount } from '../fixtures/stopped-containers.ts';

export const ps500: Case = {
  name: 'ps-500',
  title: `\`ps -a\` with ${stoppedCount} stopped containers`,
  unit: 'ms',
  target: 30,
  runs: 15,
  async prepare(engine, fixtures) {
    await stoppedContainers(engine, fixtures);
    return {
      once: () =>
        timed(async () => {
          const listed = (await engine.api.call('GET', '/containers/json?all=true')).json() as unknown[];
          if (listed.length < stoppedCount) throw new Error(`only ${listed.length} containers were listed`);
        }),
      cleanup: nothing,
    };
  },
};
