import { rm } from 'node:fs/promises';
import { type Case, timed } from '../case.ts';
import { command } from '../command.ts';
import type { Fixtures } from '../fixtures/fixtures.ts';
import { pullReference, removeReference } from './layer-image-calls.ts';

export const pull: Case = {
  name: 'pull',
  title: 'pull and unpack 5 layers, 104 MB gzip, from loopback',
  unit: 'ms',
  target: 1600,
  runs: 4,
  async prepare({ api }, fixtures) {
    const reference = await fixtures.served();
    return {
      async once() {
        await removeReference(api, reference);
        await quietDisk();
        return await timed(() => pullReference(api, reference));
      },
      cleanup: () => removeReference(api, reference),
    };
  },
  prepareFloor: (fixtures) =>
    unpacking(fixtures, async (folder) => {
      const { gzips } = await fixtures.layerImage();
      for (const gzip of gzips) await command(['sh', '-c', `gzip -dc ${gzip} | tar -x -C ${folder}`]);
    }),
};

/** What an earlier run wrote or deleted must not be paid by the next. */
export function quietDisk(): Promise<void> {
  return command(['sync']);
}

/** A floor that unpacks into a new folder each time; all of them go after the last run, or each run would pay for the deletions before it. */
export async function unpacking(
  fixtures: Fixtures,
  unpack: (folder: string) => Promise<void>,
): Promise<{
  once(): Promise<number>;
  cleanup(): Promise<void>;
}> {
  await fixtures.layerImage();
  const used: string[] = [];
  return {
    async once() {
      const folder = await fixtures.emptyFolder();
      used.push(folder);
      await quietDisk();
      return await timed(() => unpack(folder));
    },
    async cleanup() {
      for (const folder of used) await rm(folder, { recursive: true });
    },
  };
}
