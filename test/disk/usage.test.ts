import { describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { run } from '../e2e/run.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, create, remove, start, wait } from '../e2e/objects.ts';

if (skipReason) console.log(`skipped: disk usage: ${skipReason}`);

interface Disk {
  imagesBytes: number;
  containersBytes: Record<string, number>;
  volumesBytes: Record<string, number>;
  otherBytes: number;
  totalBytes: number;
}

interface Df {
  LayersSize: number;
  Images: { Id: string; Size: number; SharedSize: number; Containers: number }[];
  Containers: { Id: string; SizeRw: number }[];
  Volumes: { Name: string; UsageData: { Size: number; RefCount: number } }[];
}

const seed = Number(process.env['SILO_SEED'] ?? '20261121');

/** Numbers that follow from the seed. */
function createRandom(): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

async function du(path: string): Promise<number> {
  return Number((await run(['du', '-s', '-x', '-B1', path])).stdout.split('\t')[0]);
}

/** Deletion goes on in the background: asked again until nothing changed meanwhile. */
async function settled(engine: TestEngine): Promise<{ bytes: number; disk: Disk; df: Df }> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const before = await du(engine.dataRoot);
    const disk = await ask<Disk>(engine, 'GET', '/silo/disk');
    const df = await ask<Df>(engine, 'GET', '/system/df');
    if ((await du(engine.dataRoot)) === before) return { bytes: before, disk, df };
  }
  throw new Error('the data root does not come to rest');
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe.skipIf(skipReason !== undefined)('disk usage', () => {
  test(`equals what du finds, to the byte, whatever was done (SILO_SEED=${seed})`, async () => {
    await using engine = await startEngine();
    await bootstrapBusybox(engine);
    const random = createRandom();
    const containers: string[] = [];
    const volumes: string[] = [];
    const take = (list: string[]): string | undefined => list.splice(random(list.length), 1)[0];
    const actions: (() => Promise<unknown>)[] = [
      async () => {
        const name = `c${containers.length}-${random(1e9)}`;
        const [volume] = volumes;
        await create(engine, name, {
          Cmd: ['sh', '-c', 'dd if=/dev/urandom of=/f bs=1k count=$((RANDOM % 700)); ln /f /g; echo said'],
          ...(volume ? { HostConfig: { Binds: [`${volume}:/v`] } } : {}),
        });
        containers.push(name);
        await start(engine, name);
        await wait(engine, name);
      },
      async () => {
        const name = take(containers);
        if (name !== undefined) await remove(engine, name);
      },
      async () => {
        const name = `v${random(1e9)}`;
        await ask(engine, 'POST', '/volumes/create', { Name: name });
        volumes.push(name);
      },
      async () => {
        const [volume] = volumes;
        if (volume === undefined) return;
        const folder = join(engine.dataRoot, 'volumes', volume, '_data', `d${random(5)}`);
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, 'file'), randomBytes(random(300_000)));
        writeFileSync(join(folder, 'hole'), '');
        truncateSync(join(folder, 'hole'), random(1e9));
      },
      async () => {
        const [volume] = volumes;
        if (volume === undefined) return;
        rmSync(join(engine.dataRoot, 'volumes', volume, '_data', `d${random(5)}`), {
          recursive: true,
          force: true,
        });
      },
      () => ask(engine, 'POST', `/images/busybox/tag?repo=t${random(3)}`),
    ];
    for (let round = 0; round < 4; round++) {
      for (let step = 0; step < 5; step++) await actions[random(actions.length)]?.();
      const { bytes, disk, df } = await settled(engine);
      expect(disk.totalBytes).toBe(bytes);
      const parts = [
        disk.imagesBytes,
        ...Object.values(disk.containersBytes),
        ...Object.values(disk.volumesBytes),
        disk.otherBytes,
      ];
      expect(sum(parts)).toBe(bytes);
      expect(df.LayersSize).toBe(disk.imagesBytes);
      expect(sum(df.Containers.map(({ SizeRw }) => SizeRw))).toBe(sum(Object.values(disk.containersBytes)));
      for (const { Name, UsageData } of df.Volumes)
        expect(UsageData.Size).toBe(await du(join(engine.dataRoot, 'volumes', Name)));
      expect(df.Containers.map(({ Id }) => Id).toSorted()).toEqual(
        Object.keys(disk.containersBytes).toSorted(),
      );
    }
    expect(Object.keys(await ask<Df>(engine, 'GET', '/system/df?type=volume'))).toEqual(['Volumes']);
    const table = await engine.silo('system', 'df');
    expect(table.stdout).toMatch(/^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +1 /);
  }, 120_000);
});
