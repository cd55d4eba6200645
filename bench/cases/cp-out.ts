import { type Case, nothing, timed } from '../case.ts';
import { command } from '../command.ts';
import { launch, remove } from '../containers.ts';
import { copiedFiles, putCopied } from '../fixtures/copied-files.ts';

export const cpOut: Case = {
  name: 'cp-out',
  title: 'cp 2,000 files (50 MB) out',
  unit: 'ms',
  target: 400,
  runs: 5,
  async prepare(engine, fixtures) {
    const { archive } = await copiedFiles(fixtures);
    const { api } = engine;
    const id = await launch(engine, { cmd: ['sleep', '600'] });
    await putCopied(api, id, archive);
    return {
      async once() {
        let bytes = 0;
        const took = await timed(() =>
          api.call('GET', `/containers/${id}/archive?path=/tree`, {
            onData: (chunk) => void (bytes += chunk.length),
          }),
        );
        if (bytes < 50_000_000) throw new Error(`only ${bytes} bytes came`);
        return took;
      },
      cleanup: () => remove(api, id),
    };
  },
  async prepareFloor(fixtures) {
    const { tree } = await copiedFiles(fixtures);
    // tar reads nothing when it writes to /dev/null itself.
    return {
      once: () =>
        timed(() => command(['sh', '-c', 'tar -C "$1" -cf - tree | cat > /dev/null', 'sh', `${tree}/..`])),
      cleanup: nothing,
    };
  },
};
