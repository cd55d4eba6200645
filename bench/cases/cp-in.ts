import { type Case, nothing, timed } from '../case.ts';
import { command } from '../command.ts';
import { launch, remove } from '../containers.ts';
import { copiedFiles } from '../fixtures/copied-files.ts';
import { quietDisk, unpacking } from './pull.ts';

export const cpIn: Case = {
  name: 'cp-in',
  title: 'cp 2,000 files (50 MB) in',
  unit: 'ms',
  target: 250,
  runs: 5,
  async prepare(engine, fixtures) {
    const { archive } = await copiedFiles(fixtures);
    return {
      /** Each into a container of its own, so that nothing is replaced. */
      async once() {
        const id = await launch(engine, { cmd: ['sleep', '600'] });
        try {
          await quietDisk();
          return await timed(() =>
            engine.api.call('PUT', `/containers/${id}/archive?path=/`, { file: archive }),
          );
        } finally {
          await remove(engine.api, id);
        }
      },
      cleanup: nothing,
    };
  },
  prepareFloor: (fixtures) =>
    unpacking(fixtures, async (folder) => {
      const { archive } = await copiedFiles(fixtures);
      await command(['tar', '-xf', archive, '-C', folder]);
    }),
};
