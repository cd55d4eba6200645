import { describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../src/foundation/db/database.ts';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { startEngine } from '../e2e/harness.ts';
import { bootstrapBusybox, create, exists } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';

if (skipReason) console.log(`skipped: cleaning: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('background cleaning', () => {
  test('removes old unused images above the high mark, keeps used and pinned ones, and says so', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'silo-gc-'));
    const config = join(folder, 'silo.json');
    try {
      await using engine = await startEngine();
      await bootstrapBusybox(engine);
      for (const name of ['old', 'pinned']) {
        writeFileSync(join(folder, 'file'), name);
        await run(['tar', '-C', folder, '-cf', join(folder, 'root.tar'), 'file']);
        const made = await engine.silo('import', join(folder, 'root.tar'), `${name}:1`);
        expect([made.code, made.stderr]).toEqual([0, '']);
      }
      await create(engine, 'user', { Cmd: ['true'] });
      expect((await engine.silo('image', 'pin', 'pinned:1')).stdout).toBe('pinned:1\n');
      expect((await engine.silo('image', 'pin', 'none')).code).toBe(1);
      await engine.stop();
      {
        using database = openDatabase(join(engine.dataRoot, 'silo.db'), { exclusive: true });
        database.run('UPDATE image SET tagged_at_ms = 1000');
      }
      writeFileSync(config, JSON.stringify({ 'gc-high-water': '1kB' }));
      await engine.start({ args: ['--config', config] });
      await eventually(async () => !(await exists(engine, '/images/old:1/json')));
      await eventually(() => engine.log().includes('no further image is unused'));
      expect(await exists(engine, '/images/pinned:1/json')).toBe(true);
      expect(await exists(engine, '/images/busybox/json')).toBe(true);
      expect(engine.log()).toContain(
        'removed an unused image, because the disk is fuller than gc-high-water image="docker.io/library/old:1"',
      );
      await engine.stop();
      writeFileSync(config, JSON.stringify({ 'gc-high-water': 'much' }));
      expect(engine.start({ args: ['--config', config] })).rejects.toThrow('gc-high-water must be');
      await engine.died();
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});
