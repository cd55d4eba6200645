import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { siloCommand, startEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, create, exists, inspect, start, wait } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';

if (skipReason) console.log(`skipped: damaged database: ${skipReason}`);

/** Turns bits around on every page but the first. */
function damage(path: string): void {
  const bytes = readFileSync(path);
  for (let page = 4096; page < bytes.length; page += 4096)
    for (let offset = 0; offset < 16; offset++) bytes[page + offset] = (bytes[page + offset] ?? 0) ^ 0xa5;
  writeFileSync(path, bytes);
}

describe.skipIf(skipReason !== undefined)('a damaged database', () => {
  test('is refused with a sentence, and its last good backup brings containers, images and volumes back', async () => {
    await using engine = await startEngine();
    await bootstrapBusybox(engine);
    await ask(engine, 'POST', '/volumes/create', { Name: 'kept' });
    await create(engine, 'before', { Cmd: ['true'] });
    await engine.stop();
    expect(existsSync(join(engine.dataRoot, 'silo.db.backup'))).toBe(true);
    await engine.start();
    const after = await create(engine, 'after', { Cmd: ['true'] });
    await ask(engine, 'POST', '/volumes/create', { Name: 'later' });
    writeFileSync(join(engine.dataRoot, 'volumes/later/_data/file'), 'precious');
    const rebuild = (): ReturnType<typeof run> =>
      run(siloCommand('fsck', '--rebuild-db', '--data-root', engine.dataRoot));
    const running = await rebuild();
    expect([running.code, running.stderr]).toEqual([1, expect.stringContaining('in use by another process')]);
    await engine.kill();
    const sound = await rebuild();
    expect([sound.code, sound.stderr]).toEqual([1, expect.stringContaining('is not damaged')]);

    damage(join(engine.dataRoot, 'silo.db'));
    expect(engine.start()).rejects.toThrow('silo fsck --rebuild-db');
    expect(await engine.died()).toBe('exit code 1');
    expect(engine.log()).toContain(`the database ${join(engine.dataRoot, 'silo.db')} is damaged`);

    const rebuilt = await rebuild();
    expect([rebuilt.code, rebuilt.stderr]).toEqual([0, '']);
    expect(rebuilt.stdout).toContain('the last good backup is the database now');
    expect(rebuilt.stdout).toContain(`containers/${after} is of a container that the database does not know`);
    await engine.start();
    expect((await inspect(engine, 'before')).State.Status).toBe('created');
    await start(engine, 'before');
    expect(await wait(engine, 'before')).toBe(0);
    expect(await exists(engine, '/containers/after/json')).toBe(false);
    expect(await exists(engine, '/volumes/kept')).toBe(true);
    expect(await exists(engine, '/volumes/later')).toBe(true);
    expect(readFileSync(join(engine.dataRoot, 'volumes/later/_data/file'), 'utf8')).toBe('precious');
    const [kept = ''] = readdirSync(join(engine.dataRoot, 'lost+found'));
    expect(readdirSync(join(engine.dataRoot, 'lost+found', kept)).toSorted()).toEqual([
      'containers',
      'silo.db',
      'snapshots-containers',
    ]);
  }, 60_000);
});
