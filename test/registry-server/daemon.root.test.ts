import { expect, test } from 'bun:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { startEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, exists } from '../e2e/objects.ts';

if (skipReason) console.log(`skipped: the registry inside the daemon: ${skipReason}`);

test.skipIf(skipReason !== undefined)(
  'a daemon whose configuration has a registry serves one, to which it pushes and from which it pulls',
  async () => {
    await using undo = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'silo-registry-'));
    undo.defer(() => rm(folder, { recursive: true, force: true }));
    const config = join(folder, 'config.json');
    await writeFile(
      config,
      JSON.stringify({ registry: { addr: '127.0.0.1:0', root: join(folder, 'root') } }),
    );
    const engine = undo.use(await startEngine({ args: ['--config', config] }));
    const host = /a registry listens host="([^"]+)"/.exec(engine.log())?.[1] ?? '';
    expect(host).toMatch(/^127\.0\.0\.1:\d+$/);
    await bootstrapBusybox(engine);
    const name = `${host}/own/busybox`;
    await ask(engine, 'POST', `/images/busybox/tag?repo=${name}&tag=1`);
    const pushed = await engine.api('POST', `/images/${name}/push?tag=1`);
    expect(pushed.text).toMatch(/1: digest: sha256:[0-9a-f]{64}/);
    await ask(engine, 'DELETE', `/images/${name}:1`);
    const query = new URLSearchParams({ fromImage: name, tag: '1' });
    await engine.api('POST', `/images/create?${query.toString()}`);
    expect(await exists(engine, `/images/${name}:1/json`)).toBe(true);
  },
);
