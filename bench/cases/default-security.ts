import { release } from 'node:os';
import { defaultCapabilities } from '../../src/resources/spec/capabilities.ts';
import { defaultSeccomp } from '../../src/resources/spec/seccomp.ts';
import { type Case, nothing, timed, type Trial } from '../case.ts';
import { command } from '../command.ts';
import { create, launchIdle, remove, start, wait } from '../containers.ts';
import type { Engine } from '../engines/engine.ts';
import { createBundles } from '../fixtures/bundle.ts';

/** Of nobody, and far from what engines give out. */
const idsFrom = 3_000_000_000;

/** What one run in each way, taken in turns, costs more than without: the medians of differences are less noisy than differences of medians. */
const difference = (
  withIt: () => Promise<number>,
  without: () => Promise<number>,
): Pick<Trial, 'once' | 'cleanup'> => {
  let runs = 0;
  return {
    async once() {
      const [first, second] = runs++ % 2 === 0 ? [withIt, without] : [without, withIt];
      const [one, other] = [await first(), await second()];
      return first === withIt ? one - other : other - one;
    },
    cleanup: nothing,
  };
};

/** Or the row would measure nothing. Other engines have none by default. */
async function expectOwnIds(engine: Engine): Promise<void> {
  if (engine.name !== 'silo') return;
  const { id, cleanup } = await launchIdle(engine);
  try {
    const { UserNamespace } = (await engine.api.call('GET', `/containers/${id}/json`)).json() as {
      UserNamespace?: { Own: boolean; Reason: string };
    };
    if (UserNamespace?.Own !== true)
      throw new Error(`the ids are the host's: ${UserNamespace?.Reason ?? ''}`);
  } finally {
    await cleanup();
  }
}

export const defaultSecurity: Case = {
  name: 'default-security',
  title: 'start + wait with the defaults, more than with the host’s ids and without seccomp',
  unit: 'ms',
  target: 5,
  runs: 40,
  async prepare(engine) {
    await expectOwnIds(engine);
    const run = (open: boolean) => async (): Promise<number> => {
      const id = await create(engine, { cmd: ['true'], open });
      try {
        return await timed(async () => {
          await start(engine.api, id);
          await wait(engine.api, id);
        });
      } finally {
        await remove(engine.api, id);
      }
    };
    return difference(run(false), run(true));
  },
  /** What the kernel and crun take for a user namespace and Docker's filter. */
  async prepareFloor(fixtures) {
    const bundles = await createBundles(fixtures);
    const host = { architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', kernelRelease: release() };
    const seccomp = defaultSeccomp(defaultCapabilities, host);
    const [walled, open] = [await bundles.make(['true'], { idsFrom, seccomp }), await bundles.make(['true'])];
    const run = (bundle: string) => (): Promise<number> =>
      timed(() => command([...bundles.crun, 'run', '--bundle', bundle, bundles.nextId()]));
    return difference(run(walled), run(open));
  },
};
