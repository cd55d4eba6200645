import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from '../../src/foundation/db/database.ts';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, create, exists, inspect, remove, start, wait } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';

if (skipReason) console.log(`skipped: fsck: ${skipReason}`);

interface Finding {
  Kind: string;
  Subject: string;
  Message: string;
  Repairable: boolean;
  Repaired: boolean;
}

describe.skipIf(skipReason !== undefined)('fsck', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  const at = (...path: string[]): string => join(engine.dataRoot, ...path);
  const fsck = async (query = ''): Promise<Finding[]> =>
    (await ask<{ Findings: Finding[] }>(engine, 'POST', `/silo/fsck?${query}`)).Findings;
  const kinds = (findings: Finding[]): string[] => findings.map(({ Kind }) => Kind).toSorted();
  const made = async (name: string, volume?: string): Promise<string> =>
    create(engine, name, {
      Cmd: ['true'],
      ...(volume ? { HostConfig: { Binds: [`${volume}:/v`] } } : {}),
    });
  /** Found once without repair, then repaired, then gone. */
  const expectRepair = async (wanted: string[], query = ''): Promise<void> => {
    expect(kinds(await fsck(query))).toEqual(wanted);
    const repaired = await fsck(`repair=1&${query}`);
    expect(repaired.filter(({ Repaired }) => !Repaired)).toEqual([]);
    expect(kinds(repaired)).toEqual(wanted);
    expect(await fsck(query)).toEqual([]);
  };
  const only = (folder: string): string => {
    const [name = ''] = readdirSync(at(folder));
    return name;
  };

  test('finds nothing where all is well, and says so', async () => {
    const id = await made('well', 'wellvolume');
    expect(await fsck('images=1')).toEqual([]);
    const cli = await engine.silo('fsck');
    expect([cli.code, cli.stdout]).toEqual([0, 'Records and disk agree.\n']);
    await remove(engine, id);
    await ask(engine, 'DELETE', '/volumes/wellvolume');
  });

  test('strange folders are moved aside, strange volumes become volumes', async () => {
    const stranger = 'a'.repeat(64);
    mkdirSync(at('containers', stranger));
    writeFileSync(at('containers', stranger, 'precious'), 'x');
    mkdirSync(at('containers', 'notes'));
    mkdirSync(at('snapshots/containers', stranger, 'upper'), { recursive: true });
    mkdirSync(at('volumes/found/_data'), { recursive: true });
    writeFileSync(at('volumes/found/_data/file'), 'x');
    const cli = await engine.silo('fsck');
    expect(cli.code).toBe(1);
    expect(cli.stdout).toContain('4 found, 4 open; `silo fsck --repair` mends 4.\n');
    await expectRepair(['orphan-folder', 'orphan-snapshot', 'orphan-volume', 'unknown-entry']);
    expect(await exists(engine, '/volumes/found')).toBe(true);
    expect(existsSync(at('volumes/found/_data/file'))).toBe(true);
    const kept = readdirSync(at('lost+found')).map((name) => name.slice(0, 5));
    expect(kept.toSorted()).toEqual(['aaaaa', 'aaaaa', 'notes']);
    await ask(engine, 'DELETE', '/volumes/found');
  });

  test('layers and blobs of nobody are removed', async () => {
    const layer = 'b'.repeat(64);
    mkdirSync(at('snapshots/layers', layer, 'fs'), { recursive: true });
    writeFileSync(at('snapshots/layers', layer, 'size'), '1');
    writeFileSync(at('content/blobs/sha256', 'c'.repeat(64)), 'junk');
    await expectRepair(['orphan-blob', 'orphan-layer']);
    expect(existsSync(at('snapshots/layers', layer))).toBe(false);
  });

  test('what a record misses is made anew, and the container starts', async () => {
    const id = await made('poor', 'poorvolume');
    rmSync(at('snapshots/containers', id), { recursive: true });
    rmSync(at('containers', id), { recursive: true });
    rmSync(at('volumes/poorvolume'), { recursive: true });
    await expectRepair(['missing-folder', 'missing-snapshot', 'missing-volume-folder']);
    await start(engine, id);
    expect(await wait(engine, id)).toBe(0);
    await remove(engine, id);
    await ask(engine, 'DELETE', '/volumes/poorvolume');
  });

  test('a missing layer is unpacked again from its blob', async () => {
    const id = await made('layered');
    rmSync(at('snapshots/layers', only('snapshots/layers')), { recursive: true });
    await expectRepair(['missing-layer']);
    await start(engine, id);
    expect(await wait(engine, id)).toBe(0);
    await remove(engine, id);
  });

  test('a damaged blob is found by reading it and moved aside; what is then missing is told', async () => {
    const image = await ask<{ Id: string }>(engine, 'GET', '/images/busybox/json');
    appendFileSync(at('content/blobs/sha256', image.Id.slice(7)), 'x');
    expect(await fsck()).toEqual([]);
    expect(kinds(await fsck('images=1&repair=1'))).toEqual(['damaged-blob']);
    expect(kinds(await fsck('repair=1'))).toEqual(['missing-blob']);
    // Without the rest of its description its name leads nowhere, and a layer's blob is no longer known to be its.
    const description = readdirSync(at('content/blobs/sha256')).filter((name) => {
      const bytes = readFileSync(at('content/blobs/sha256', name));
      return bytes[0] === 0x7b && bytes.includes('"layers"');
    });
    expect(description).toHaveLength(1);
    rmSync(at('content/blobs/sha256', description[0] ?? ''));
    expect(kinds(await fsck('repair=1'))).toEqual(['missing-blob', 'name-without-manifest']);
    await engine.api('DELETE', '/images/busybox?force=1');
    await bootstrapBusybox(engine);
    expect(await fsck('images=1')).toEqual([]);
  });

  test('a damaged layer that containers have is told, without them it is unpacked again', async () => {
    const id = await made('above');
    const layer = only('snapshots/layers');
    writeFileSync(at('snapshots/layers', layer, 'size'), 'many');
    const [told] = await fsck('repair=1');
    expect([told?.Kind, told?.Repairable]).toEqual(['damaged-layer', false]);
    await remove(engine, id);
    await expectRepair(['damaged-layer']);
  });

  test('a mount point that no container uses goes', async () => {
    const place = join(engine.directory, 'exec/rootfs', 'd'.repeat(64));
    mkdirSync(join(place, 'merged'), { recursive: true });
    await run(['mount', '-t', 'tmpfs', 'fsck-test', join(place, 'merged')]);
    await expectRepair(['orphan-mount']);
    expect(existsSync(place)).toBe(false);
  });

  test('records that point at nothing are told, those that cannot be read are kept aside', async () => {
    const lost = await made('lost', 'lostvolume');
    const imageless = await made('imageless');
    const damaged = await made('damaged');
    await engine.stop();
    {
      using database = openDatabase(at('silo.db'), { exclusive: true });
      database.run(`DELETE FROM volume WHERE name = 'lostvolume'`);
      rmSync(at('volumes/lostvolume'), { recursive: true });
      const other = `sha256:${'e'.repeat(64)}`;
      database.run(
        `UPDATE container SET record = json_set(record, '$.imageId', ?) WHERE id = ?`,
        other,
        imageless,
      );
      database.run(`UPDATE container SET record = '{"id":' WHERE id = ?`, damaged);
    }
    await engine.start();
    expect((await inspect(engine, 'lost')).Name).toBe('/lost');
    expect(await exists(engine, '/containers/damaged/json')).toBe(false);
    const findings = await fsck('repair=1');
    expect(kinds(findings)).toEqual(['damaged-record', 'missing-image', 'missing-volume']);
    expect(findings.filter(({ Repaired }) => !Repaired).map(({ Kind }) => Kind)).toEqual(['missing-image']);
    expect(readdirSync(at('lost+found')).filter((name) => name.startsWith(damaged))).toHaveLength(2);
    await made('damaged');
    for (const name of [lost, imageless, 'damaged']) await remove(engine, name);
    expect(await fsck()).toEqual([]);
  });
});
