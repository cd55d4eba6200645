import { type Case, timed } from '../case.ts';
import { command } from '../command.ts';
import { launch, remove } from '../containers.ts';
import { copiedFiles, putCopied } from '../fixtures/copied-files.ts';
import { quietDisk, unpacking } from './pull.ts';

export const cpIn: Case = {
  name: 'cp-in',
  title: 'cp 2,000 files (50 MB) in',
  unit: 'ms',
  target: 250,
  runs: 5,
  async prepare(engine, fixtures) {
    const { archive } = await copiedFiles(fixtures);
    const { api } = engine;
    const used: string[] = [];
    return {
      /**
       * Each into a container of its own, so that nothing is replaced; removed after the last run, because ext4 makes files several times slower for a minute
       * after as many were deleted.
       */
      async once() {
        const id = await launch(engine, { cmd: ['sleep', '600'] });
        used.push(id);
        await quietDisk();
        return await timed(() => putCopied(api, id, archive));
      },
      async cleanup() {
        for (const id of used) await remove(api, id);
      },
    };
  },
  prepareFloor: (fixtures) =>
    unpacking(fixtures, async (folder) => {
      const { archive } = await copiedFiles(fixtures);
      await command(['tar', '-xf', archive, '-C', folder]);
    }),
};
