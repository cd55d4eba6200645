import { type Case, nothing, timed } from '../case.ts';
import { command } from '../command.ts';
import { pullReference, removeReference } from './layer-image-calls.ts';

/** The image was pulled: what each engine kept of it, and what it must make again, is its own affair. */
export const save: Case = {
  name: 'save',
  title: 'save the same to a stream',
  unit: 'ms',
  runs: 4,
  async prepare({ api }, fixtures) {
    const reference = await fixtures.served();
    const { gzipBytes } = await fixtures.layerImage();
    await pullReference(api, reference);
    return {
      async once() {
        let bytes = 0;
        const took = await timed(() =>
          api.call('GET', `/images/${reference}/get`, { onData: (chunk) => void (bytes += chunk.length) }),
        );
        if (bytes < gzipBytes) throw new Error(`only ${bytes} bytes came`);
        return took;
      },
      cleanup: () => removeReference(api, reference),
    };
  },
  async prepareFloor(fixtures) {
    const { layout } = await fixtures.layerImage();
    return {
      once: () => timed(() => command(['sh', '-c', 'tar -C "$1" -cf - . | cat > /dev/null', 'sh', layout])),
      cleanup: nothing,
    };
  },
};
