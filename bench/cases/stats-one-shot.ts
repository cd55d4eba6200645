import { type Case, timed } from '../case.ts';
import { launchIdle } from '../containers.ts';

/** `stream=0` is what Docker needs beside `one-shot`; Podman knows both words too. */
export const statsOneShot: Case = {
  name: 'stats-one-shot',
  title: 'statistics of one container, one-shot',
  unit: 'ms',
  target: 10,
  runs: 30,
  async prepare(engine) {
    const { api } = engine;
    const { id, cleanup } = await launchIdle(engine);
    return {
      once: () =>
        timed(async () => {
          const reply = await api.call('GET', `/containers/${id}/stats?stream=0&one-shot=1`);
          const { memory_stats: memory } = reply.json() as { memory_stats: { usage?: number } };
          if (!memory.usage) throw new Error('the answer has no memory in it');
        }),
      cleanup,
    };
  },
};
