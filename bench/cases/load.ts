import { type Case, timed } from '../case.ts';
import { command } from '../command.ts';
import { refuseErrors } from '../engines/engine.ts';
import { layerImageName } from '../fixtures/layer-image.ts';
import { quietDisk, unpacking } from './pull.ts';

export const load: Case = {
  name: 'load',
  title: 'load the same from tar',
  unit: 'ms',
  target: 1300,
  runs: 4,
  async prepare({ api }, fixtures) {
    const { archive } = await fixtures.layerImage();
    let loaded: string[] = [];
    const remove = async (): Promise<void> => {
      for (const name of loaded) await api.call('DELETE', `/images/${name}?force=true`, { accept: [404] });
      loaded = [];
    };
    return {
      async once() {
        await remove();
        await quietDisk();
        return await timed(async () => {
          const reply = await api.call('POST', '/images/load?quiet=true', { file: archive });
          refuseErrors(reply.text);
          loaded = [/Loaded image: ([^\s"\\]+)/.exec(reply.text)?.[1] ?? layerImageName];
        });
      },
      cleanup: remove,
    };
  },
  prepareFloor: (fixtures) =>
    unpacking(fixtures, async (folder) => {
      const { tars } = await fixtures.layerImage();
      for (const tar of tars) await command(['tar', '-xf', tar, '-C', folder]);
    }),
};
