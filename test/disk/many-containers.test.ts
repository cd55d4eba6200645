import { describe, expect, test } from 'bun:test';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { startEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, create, exists, inspect, remove, start, wait } from '../e2e/objects.ts';
import { seedContainers } from './seed.ts';

if (skipReason) console.log(`skipped: many containers: ${skipReason}`);

const count = 10_000;

describe.skipIf(skipReason !== undefined)(`with ${count} stopped containers`, () => {
  test('an engine starts, lists them in order, answers others meanwhile, and changes any of them', async () => {
    await using engine = await startEngine();
    await bootstrapBusybox(engine);
    await create(engine, 'tpl', { Cmd: ['true'] });
    await start(engine, 'tpl');
    await wait(engine, 'tpl');
    await engine.stop();
    const ids = seedContainers(engine.dataRoot, 'tpl', count);
    const [missing = '', oldest = ''] = ids;
    await rm(join(engine.dataRoot, 'snapshots/containers', missing), { recursive: true });
    await engine.start();

    // Asked for while the records are still being read in the background.
    expect((await inspect(engine, oldest)).Name).toBe('/tpl-1');
    type Listed = { Id: string; Names: string[] }[];
    const list = (query: string): Promise<Listed> => ask<Listed>(engine, 'GET', `/containers/json?${query}`);
    expect(await list('')).toEqual([]);
    const order: string[] = [];
    const [all] = await Promise.all([
      list('all=1').then((listed) => {
        order.push('list');
        return listed;
      }),
      ask(engine, 'GET', '/version').then(() => order.push('version')),
    ]);
    expect(order).toEqual(['version', 'list']);
    expect(all.map(({ Id }) => Id).slice(0, count)).toEqual(ids.toReversed());

    await start(engine, oldest);
    await wait(engine, oldest);
    await start(engine, missing);
    await wait(engine, missing);
    await remove(engine, oldest);
    expect(await exists(engine, `/containers/${oldest}/json`)).toBe(false);
    const before = encodeURIComponent(JSON.stringify({ before: ['tpl-3'] }));
    expect((await list(`all=1&filters=${before}`)).map(({ Names }) => Names[0])).toEqual([
      '/tpl-2',
      '/tpl-0',
      '/tpl',
    ]);
  }, 240_000);
});
