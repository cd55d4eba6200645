import { type Case, nothing, timed } from '../case.ts';
import { listAll } from '../containers.ts';
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
      once: () => timed(() => listAll(engine.api, stoppedCount)),
      cleanup: nothing,
    };
  },
};
