import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupDirectory, cgroupHost } from '../../src/foundation/kernel/cgroup.ts';
import { skipReason } from '../crash/world.ts';
import { programs, startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, inspect, remove } from '../e2e/objects.ts';

const skip =
  skipReason ?? (cgroupHost().mode === 'v2' ? 'it reads files of control groups version 1' : undefined);
if (skip) console.log(`skipped: live update of limits: ${skip}`);

const mb = 1024 * 1024;

describe.skipIf(skip !== undefined)('live update', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine({ args: ['--bip', `10.76.${process.pid % 250}.1/24`] });
    await bootstrapBusybox(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
  });

  const runBox = async (...options: string[]): Promise<string> =>
    (await engine.silo('run', '-d', '--name', 'box', ...options, 'busybox', 'sleep', '1000')).stdout.trim();
  const control = (id: string, controller: string, file: string): string => {
    const folder = cgroupDirectory(cgroupHost(), join(engine.footprint.cgroupParent, id), controller);
    return readFileSync(join(folder, file), 'utf8').trim();
  };
  const limits = (id: string): Record<string, string> => ({
    memory: control(id, 'memory', 'memory.limit_in_bytes'),
    swap: control(id, 'memory', 'memory.memsw.limit_in_bytes'),
    soft: control(id, 'memory', 'memory.soft_limit_in_bytes'),
    shares: control(id, 'cpu', 'cpu.shares'),
    quota: `${control(id, 'cpu', 'cpu.cfs_quota_us')}/${control(id, 'cpu', 'cpu.cfs_period_us')}`,
    cpus: control(id, 'cpuset', 'cpuset.cpus'),
    pids: control(id, 'pids', 'pids.max'),
  });
  const update = (body: object) => engine.api('POST', '/containers/box/update', body);

  test.each(programs)('%s update changes what runs, and the next start has it too', async (program) => {
    const id = await runBox('--memory', '64m');
    const memory = '--memory 96m --memory-swap 200m --memory-reservation 32m';
    const cpu = '--cpu-shares 512 --cpu-period 50000 --cpu-quota 25000 --cpuset-cpus 0';
    const options = `${memory} ${cpu} --pids-limit 77 --restart on-failure:3`.split(' ');
    expect(await engine[program]('update', ...options, 'box')).toEqual({
      code: 0,
      stdout: 'box\n',
      stderr: '',
    });
    const expected = {
      memory: String(96 * mb),
      swap: String(200 * mb),
      soft: String(32 * mb),
      shares: '512',
      quota: '25000/50000',
      cpus: '0',
      pids: '77',
    };
    expect(limits(id)).toEqual(expected);
    await ask(engine, 'POST', '/containers/box/restart?t=0');
    expect(limits(id)).toEqual(expected);
    const { HostConfig } = await ask<{ HostConfig: Record<string, unknown> }>(
      engine,
      'GET',
      '/containers/box/json',
    );
    expect(HostConfig).toMatchObject({
      Memory: 96 * mb,
      MemorySwap: 200 * mb,
      PidsLimit: 77,
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
    });
    expect((await engine[program]('update', '--pids-limit', '-1', '--memory', '32m', 'box')).code).toBe(0);
    expect(limits(id)).toMatchObject({ pids: 'max', memory: String(32 * mb), swap: String(200 * mb) });
  });

  test('a stopped container has the limits at its next start', async () => {
    const id = await runBox();
    await ask(engine, 'POST', '/containers/box/stop?t=0');
    expect((await update({ NanoCpus: 500_000_000, PidsLimit: 9 })).status).toBe(200);
    await ask(engine, 'POST', '/containers/box/start');
    expect(limits(id)).toMatchObject({ quota: '50000/100000', pids: '9' });
  });

  test('a paused container takes them at once', async () => {
    const id = await runBox();
    await ask(engine, 'POST', '/containers/box/pause');
    expect((await update({ CpuShares: 99 })).status).toBe(200);
    expect(limits(id)).toMatchObject({ shares: '99' });
    await ask(engine, 'POST', '/containers/box/unpause');
  });

  test('refusals have Docker’s words and status', async () => {
    const id = await runBox('--cpus', '0.5', '--memory', '64m');
    const cases: [object, number, string][] = [
      [
        { CpuQuota: 5000 },
        409,
        `Cannot update container ${id}: Conflicting options: CPU Quota cannot be updated`,
      ],
      [{ Memory: 500 * mb }, 409, 'Memory limit should be smaller than already set memoryswap limit'],
      [{ Memory: 1000 }, 400, 'Minimum memory limit allowed is 6MB'],
      [{ Memory: 32 * mb, MemorySwap: 16 * mb }, 400, 'Minimum memoryswap limit should be larger'],
      [{ NanoCpus: 1e12 }, 400, 'Range of CPUs is from 0.01'],
      [{ CpusetCpus: '99' }, 400, 'Requested CPUs are not available'],
      [{ RestartPolicy: { Name: 'sometimes' } }, 400, 'invalid restart policy'],
      [{ KernelMemory: 50 * mb }, 501, 'KernelMemory'],
    ];
    const before = limits(id);
    for (const [body, status, words] of cases) {
      const answer = await update(body);
      expect({ body, status: answer.status, text: answer.text }).toEqual({
        body,
        status,
        text: expect.stringContaining(words),
      });
    }
    expect(limits(id)).toEqual(before);
  });

  test('one limit that the kernel refuses leaves all others as they were, in the group and in the record', async () => {
    const id = await runBox('--memory', '64m');
    const before = limits(id);
    expect(
      (await update({ Memory: 100 * mb, CpuShares: 77, PidsLimit: 5, CpuRealtimeRuntime: 1000 })).status,
    ).toBe(400);
    expect(limits(id)).toEqual(before);
    const { HostConfig } = await ask<{ HostConfig: { Memory: number; CpuShares: number } }>(
      engine,
      'GET',
      '/containers/box/json',
    );
    expect(HostConfig).toMatchObject({ Memory: 64 * mb, CpuShares: 0, PidsLimit: null, CpusetCpus: '' });
  });

  test('memory below what is in use is refused', async () => {
    const hold = 'dd if=/dev/zero of=/dev/shm/f bs=1M count=40 2>/dev/null; echo held; sleep 1000';
    await engine.silo(
      'run',
      '-d',
      '--name',
      'box',
      '--memory',
      '64m',
      '--memory-swap',
      '64m',
      'busybox',
      'sh',
      '-c',
      hold,
    );
    for (let said = ''; !said.includes('held');) said = (await engine.silo('logs', 'box')).stdout;
    const answer = await update({ Memory: 8 * mb });
    expect(answer.status).toBe(409);
    expect(answer.text).toMatch(
      /unable to set memory limit to 8388608 \(current usage: \d+, peak usage: \d+\)/,
    );
    expect((await inspect(engine, 'box')).State.Running).toBe(true);
  });

  test('a restart policy and --rm exclude each other', async () => {
    await runBox('--rm');
    const answer = await update({ RestartPolicy: { Name: 'always' } });
    expect([answer.status, answer.text]).toEqual([409, expect.stringContaining('AutoRemove is enabled')]);
  });
});
