import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { programs, type Program, startEngine, type TestEngine } from './harness.ts';
import { ask, bootstrapBusybox, remove } from './objects.ts';
import type { Result } from './run.ts';

if (skipReason) console.log(`skipped: CDI devices: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('CDI devices', () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-cdi-'));
  const specs = join(folder, 'cdi');
  let engine: TestEngine;
  beforeAll(async () => {
    mkdirSync(specs);
    writeFileSync(join(folder, 'library'), 'of the vendor\n');
    engine = await startEngine({ args: ['--cdi-spec-dir', specs] });
    await bootstrapBusybox(engine);
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await engine[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
  });
  const write = (name: string, containerEdits: object): void =>
    writeFileSync(
      join(specs, `${name}.json`),
      JSON.stringify({ cdiVersion: '0.7.0', kind: 'vendor.com/thing', devices: [{ name, containerEdits }] }),
      { mode: 0o644 },
    );

  describe.each(programs)('with %s', (program: Program) => {
    const call = (...args: string[]): Promise<Result> => engine[program](...args);

    test('a device brings its nodes, mounts, variables, groups and hooks', async () => {
      write('one', {
        env: ['THING=here'],
        deviceNodes: [{ path: '/dev/thing', hostPath: '/dev/zero', permissions: 'r' }],
        mounts: [
          { hostPath: join(folder, 'library'), containerPath: '/usr/lib/thing', options: ['ro', 'bind'] },
        ],
        additionalGids: [4321],
        hooks: [
          // Reads its input as hooks should: crun 1.8 fails a start whose hook ended before the state was written to it.
          { hookName: 'startContainer', path: '/bin/sh', args: ['sh', '-c', 'cat > /begun'] },
          { hookName: 'createRuntime', path: '/bin/sh', args: ['sh', '-c', `cat > ${folder}/hooked`] },
        ],
      });
      const look = 'ls /begun; echo $THING; cat /usr/lib/thing; head -c 3 /dev/thing | wc -c; id -G';
      const ran = await call('run', '--rm', '--device', 'vendor.com/thing=one', 'busybox', 'sh', '-c', look);
      expect(ran.stdout).toMatch(/^\/begun\nhere\nof the vendor\n3\n.*4321.*\n$/);
      expect(await Bun.file(join(folder, 'hooked')).text()).toContain('"status"');
      rmSync(join(folder, 'hooked'));
    });

    test("what cannot be resolved is refused at the start, in Docker's words", async () => {
      const refused = await call('run', '--rm', '--device', 'vendor.com/thing=none', 'busybox', 'true');
      expect(refused.code).toBe(125);
      expect(refused.stderr).toContain(
        'CDI device injection failed: unresolvable CDI devices vendor.com/thing=none',
      );
      expect((await call('run', '--rm', '--gpus', 'all', 'busybox', 'true')).stderr).toContain(
        'could not select device driver "" with capabilities: [[gpu]]',
      );
      const info = await call('info', '--format', '{{json .CDISpecDirs}}');
      expect(JSON.parse(info.stdout)).toEqual([specs]);
    });
  });

  test('inspect tells what was asked for, and another driver is refused by name', async () => {
    const request = { Driver: 'foo', Count: -1, Capabilities: [['x', 'y'], ['z']] };
    await ask(engine, 'POST', '/containers/create?name=other', {
      Image: 'busybox',
      HostConfig: { DeviceRequests: [request] },
    });
    const { HostConfig } = await ask<{ HostConfig: { DeviceRequests: object[] } }>(
      engine,
      'GET',
      '/containers/other/json',
    );
    expect(HostConfig.DeviceRequests).toEqual([{ ...request, DeviceIDs: null, Options: null }]);
    const answer = await engine.api('POST', '/containers/other/start');
    expect([answer.status, answer.text]).toEqual([
      500,
      expect.stringContaining('could not select device driver \\"foo\\" with capabilities: [[x y] [z]]'),
    ]);
  });
});
