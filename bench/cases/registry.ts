import { randomBytes } from 'node:crypto';
import { type Case, nothing, timed, type Trial } from '../case.ts';
import { siloProgram } from '../engines/silo.ts';
import type { Fixtures } from '../fixtures/fixtures.ts';
import { createTraffic, inParallel, makeBlob } from '../fixtures/registry-traffic.ts';
import type { EmptyRegistry } from '../fixtures/registry.ts';
import { quietDisk } from './pull.ts';

interface Load {
  verb: 'pull' | 'push';
  megabytes: 1 | 100;
  clients: 1 | 16;
}

/** So many blobs per run that a run takes long enough to be measured, and few enough for the disk. */
const blobCounts = { '1x1': 64, '1x16': 256, '100x1': 2, '100x16': 16 } as const;

/** What stands in the column of the floor is Debian's `docker-registry`: at least its throughput is wanted. */
function registryCase({ verb, megabytes, clients }: Load): Case {
  const count = blobCounts[`${megabytes}x${clients}`];
  const what = clients === 1 ? '1 client' : `${clients} clients`;
  const trialOn = (
    start: (fixtures: Fixtures) => Promise<EmptyRegistry>,
    fixtures: Fixtures,
  ): Promise<Trial> =>
    verb === 'push'
      ? Promise.resolve(pushTrial(() => start(fixtures), { count, megabytes, clients }))
      : pullTrial(() => start(fixtures), { count, megabytes, clients });
  return {
    name: `registry-${verb}-${megabytes}m-${clients}`,
    title: `registry: ${verb} ${count} blobs of ${megabytes} MB, ${what} (floor: docker-registry)`,
    unit: 'ms',
    runs: 5,
    prepare: async (engine, fixtures) =>
      engine.name === 'silo'
        ? trialOn((f) => f.emptySiloRegistry(siloProgram().command), fixtures)
        : undefined,
    prepareFloor: (fixtures) => trialOn((f) => f.emptyRegistry(), fixtures),
  };
}

type Sizes = { count: number; megabytes: number; clients: number };

/** Each run pushes into an empty registry, so that nothing is there already and the disk does not fill. */
function pushTrial(start: () => Promise<EmptyRegistry>, { count, megabytes, clients }: Sizes): Trial {
  const tail = randomBytes(megabytes * 1024 * 1024 - 64);
  return {
    async once() {
      await using registry = await start();
      using traffic = createTraffic(registry.host, clients, { keepAlive: megabytes === 1 });
      const blobs = Array.from({ length: count }, () => makeBlob(tail));
      await quietDisk();
      return await timed(() => inParallel(blobs, clients, (blob) => traffic.push('bench/blobs', blob)));
    },
    cleanup: nothing,
  };
}

async function pullTrial(
  start: () => Promise<EmptyRegistry>,
  { count, megabytes, clients }: Sizes,
): Promise<Trial> {
  await using undo = new AsyncDisposableStack();
  const registry = undo.use(await start());
  const traffic = undo.use(createTraffic(registry.host, clients));
  const tail = randomBytes(megabytes * 1024 * 1024 - 64);
  const blobs = Array.from({ length: Math.min(4, count) }, () => makeBlob(tail));
  for (const blob of blobs) await traffic.push('bench/blobs', blob);
  const all = Array.from({ length: count }, (_, index) => blobs[index % blobs.length] ?? makeBlob(tail));
  await quietDisk();
  const kept = undo.move();
  return {
    once: () => timed(() => inParallel(all, clients, (blob) => traffic.pull('bench/blobs', blob))),
    cleanup: () => kept.disposeAsync(),
  };
}

export const registryCases: readonly Case[] = (['pull', 'push'] as const).flatMap((verb) =>
  ([1, 100] as const).flatMap((megabytes) =>
    ([1, 16] as const).map((clients) => registryCase({ verb, megabytes, clients })),
  ),
);
