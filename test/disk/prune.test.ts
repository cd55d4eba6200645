import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, create, exists, start, wait } from '../e2e/objects.ts';

if (skipReason) console.log(`skipped: prune: ${skipReason}`);

interface Pruned {
  ContainersDeleted?: string[] | null;
  VolumesDeleted?: string[] | null;
  ImagesDeleted?: unknown[] | null;
  SpaceReclaimed: number;
}

const filtersOf = (filters: object): string => `filters=${encodeURIComponent(JSON.stringify(filters))}`;

describe.skipIf(skipReason !== undefined)('prune', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  const prune = (what: string, filters: object = {}): Promise<Pruned> =>
    ask<Pruned>(engine, 'POST', `/${what}/prune?${filtersOf(filters)}`);

  test('tells the space that came back, and an event says so', async () => {
    const body = { Cmd: ['dd', 'if=/dev/urandom', 'of=/f', 'bs=1k', 'count=300'] };
    await create(engine, 'wrote', body);
    await start(engine, 'wrote');
    await wait(engine, 'wrote');
    const df = await ask<{ Containers: { SizeRw: number }[] }>(engine, 'GET', '/system/df?type=container');
    const pruned = await prune('containers');
    expect(pruned.SpaceReclaimed).toBe(df.Containers[0]?.SizeRw ?? 0);
    expect(pruned.SpaceReclaimed).toBeGreaterThan(300_000);

    await ask(engine, 'POST', '/volumes/create', { Name: 'full' });
    writeFileSync(join(engine.dataRoot, 'volumes/full/_data/f'), 'x'.repeat(100_000));
    expect((await prune('volumes')).VolumesDeleted).toEqual([]);
    const volumes = await prune('volumes', { all: ['true'] });
    expect(volumes.VolumesDeleted).toEqual(['full']);
    expect(volumes.SpaceReclaimed).toBeGreaterThan(100_000);
    const range = `since=0&until=${(Date.now() / 1000 + 0.001).toFixed(3)}&${filtersOf({ event: ['prune'] })}`;
    const events = await engine.api('GET', `/events?${range}`);
    const [first = ''] = events.text.split('\n');
    expect(JSON.parse(first)).toMatchObject({
      Type: 'container',
      Action: 'prune',
      Actor: { ID: '', Attributes: { reclaimed: String(pruned.SpaceReclaimed) } },
    });
  });

  test('obeys labels and times, refuses what it does not know, and keeps what is used', async () => {
    const labelled = { Image: 'busybox', Cmd: ['true'], Labels: { keep: 'yes' } };
    await ask(engine, 'POST', '/containers/create?name=kept', labelled);
    await create(engine, 'gone', { Cmd: ['true'] });
    expect((await prune('containers', { until: ['24h'] })).ContainersDeleted).toBeNull();
    expect((await prune('containers', { 'label!': ['keep=yes'] })).ContainersDeleted).toHaveLength(1);
    expect(await exists(engine, '/containers/kept/json')).toBe(true);
    for (const [what, filters, message] of [
      ['containers', { colour: ['red'] }, "invalid filter 'colour'"],
      ['containers', { until: ['1h', '2h'] }, 'more than one until filter specified'],
      ['containers', { until: ['soon'] }, 'failed to parse value as time or duration: \\"soon\\"'],
      ['images', { until: ['1h', '2h'] }, 'more than one until filter specified'],
      ['networks', { dangling: ['true'] }, "invalid filter 'dangling'"],
      ['volumes', { until: ['1h'] }, "invalid filter 'until'"],
    ] as const) {
      const answer = await engine.api('POST', `/${what}/prune?${filtersOf(filters)}`);
      expect([what, answer.status, answer.text]).toEqual([what, 400, expect.stringContaining(message)]);
    }
    expect((await prune('images', { dangling: ['false'] })).ImagesDeleted).toBeNull();
    expect((await prune('containers')).ContainersDeleted).toHaveLength(1);
    const images = await prune('images', { dangling: ['false'] });
    expect(images.ImagesDeleted).not.toBeNull();
    expect(images.SpaceReclaimed).toBeGreaterThan(100_000);
    await bootstrapBusybox(engine);
  });

  test('removes nothing that comes into use meanwhile', async () => {
    const over = new AbortController();
    const pruning = (async () => {
      while (!over.signal.aborted) {
        await prune('volumes', { all: ['true'] });
        await prune('images', { dangling: ['false'] });
      }
    })();
    const running = Array.from({ length: 12 }, async (_, index) => {
      const body = { Cmd: ['sleep', '600'], HostConfig: { Binds: [`data${index % 3}:/v`], Init: true } };
      const made = await engine.api('POST', `/containers/create?name=r${index}`, {
        Image: 'busybox',
        ...body,
      });
      if (made.status === 404) return undefined;
      expect([made.status, made.text]).toEqual([201, expect.any(String)]);
      await start(engine, `r${index}`);
      expect(existsSync(join(engine.dataRoot, 'volumes', `data${index % 3}`, '_data'))).toBe(true);
      return `r${index}`;
    });
    const made = (await Promise.all(running)).filter((name) => name !== undefined);
    over.abort();
    await pruning;
    // The image may have gone before the first of them asked for it.
    if (made.length === 0) return console.log('the image was pruned before any container used it');
    expect(made).toHaveLength(12);
    for (const name of made) await ask(engine, 'DELETE', `/containers/${name}?force=1`);
  }, 60_000);

  test('system prune asks as Docker and removes what is unused', async () => {
    await create(engine, 'old', { Cmd: ['true'] }).catch(async () => {
      await bootstrapBusybox(engine);
      await create(engine, 'old', { Cmd: ['true'] });
    });
    await ask(engine, 'POST', '/networks/create', { Name: 'unused' });
    const answer = await engine.silo('system', 'prune', '--force', '--volumes', '--filter', 'label=none');
    expect(answer.stdout).toBe('Total reclaimed space: 0B\n');
    const refused = await engine.silo('system', 'prune', '--volumes', '--filter', 'until=1h');
    expect(refused.stderr).toContain('The "until" filter is not supported with "--volumes"');
    const pruned = await engine.silo('system', 'prune', '--force', '--all');
    expect(pruned.stdout).toMatch(
      /^Deleted Containers:\n[0-9a-f]{64}\n\nDeleted Networks:\nunused\n\nDeleted Images:\nuntagged: busybox:latest\n(deleted: sha256:[0-9a-f]{64}\n)+\nTotal reclaimed space: [\d.]+[kM]B\n$/,
    );
  });
});
