import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toSiloError } from '../../../foundation/base/errors.ts';
import { parseContainerId, type ContainerId } from '../../../foundation/base/ids.ts';
import { cannotRun, cgroupParent, createFixture, makeRootfs, processesWith } from './test-fixture.ts';

/** proc_pid_stat(5): it is told as running while it dies, and as a zombie until somebody asks. */
function hasEnded(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
}

describe.skipIf(cannotRun !== '')('after a crash of the engine', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'silo-crash-'));
    makeRootfs(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs the steps in another process and kills it after them, or lets it kill itself at the fault point. */
  const crash = async (script: string, steps: string[], fault?: string): Promise<ContainerId> => {
    const engine = Bun.spawn(
      [process.execPath, join(import.meta.dir, 'test-engine.ts'), folder, script, ...steps],
      {
        stdout: 'pipe',
        env: { ...process.env, ...(fault ? { SILO_FAULT: fault } : {}) },
      },
    );
    let output = '';
    for await (const chunk of engine.stdout) {
      output += Buffer.from(chunk).toString();
      if (output.includes('done')) engine.kill('SIGKILL');
    }
    await engine.exited;
    expect(engine.signalCode).toBe('SIGKILL');
    if (fault) expect(output).not.toContain('done');
    return parseContainerId(output.split('\n')[0] ?? '');
  };

  const leftovers = (id: string): string[] => [
    ...processesWith(id),
    ...[
      join(folder, 'run', id),
      join(folder, 'run/runtimes/crun', id),
      join(folder, 'run/exits', id),
      `/sys/fs/cgroup/memory${cgroupParent}/${id}`,
      `/sys/fs/cgroup${cgroupParent}/${id}`,
    ].filter((path) => existsSync(path)),
  ];

  /** A monitor whose container is gone takes a moment to end. */
  const whatStays = async (id: string): Promise<string[]> => {
    const deadline = performance.now() + 30_000;
    while (leftovers(id).length > 0 && performance.now() < deadline) await Bun.sleep(20);
    return leftovers(id);
  };

  test('a running container goes on, and its end, output and kill work as before', async () => {
    const id = await crash('echo before; trap "echo trapped; exit 8" TERM; while true; do sleep 0.01; done', [
      'create',
      'start',
    ]);
    await using fixture = await createFixture({ directory: folder });
    const [recovered] = await fixture.driver.containers.recover();
    expect(recovered).toMatchObject({ id, status: { status: 'running' } });
    while (!fixture.logOf(id).includes('before')) await Bun.sleep(5);
    await fixture.driver.containers.kill(id, 15);
    expect((await fixture.exitOf(id)).exitCode).toBe(8);
    expect(fixture.logOf(id)).toContain('trapped');
    await fixture.driver.containers.delete(id);
    expect(await whatStays(id)).toEqual([]);
  });

  test('a container that ended in between is reported with its code and time', async () => {
    const id = await crash('sleep 0.1; exit 12', ['create', 'start']);
    while (!existsSync(join(folder, 'run', id, 'exit'))) await Bun.sleep(5);
    await using fixture = await createFixture({ directory: folder });
    const [recovered] = await fixture.driver.containers.recover();
    expect(recovered).toMatchObject({ id, status: { status: 'ended', exit: { exitCode: 12 } } });
    await fixture.driver.containers.delete(id);
    expect(await whatStays(id)).toEqual([]);
  });

  test('a created container can still be started', async () => {
    const id = await crash('echo late', ['create']);
    await using fixture = await createFixture({ directory: folder });
    const [recovered] = await fixture.driver.containers.recover();
    expect(recovered).toMatchObject({ id, status: { status: 'created' } });
    await fixture.driver.containers.start(id);
    expect((await fixture.exitOf(id)).exitCode).toBe(0);
    expect(fixture.logOf(id)).toContain('late');
    await fixture.driver.containers.delete(id);
  });

  test('an exec goes on and its end is reported', async () => {
    const id = await crash('sleep 1000', ['create', 'start', 'exec']);
    await using fixture = await createFixture({ directory: folder });
    const [recovered] = await fixture.driver.containers.recover();
    expect(recovered?.execs).toHaveLength(1);
    const execId = recovered?.execs[0] ?? '';
    const pidFile = join(folder, 'run', id, 'execs', execId, 'pidfile');
    process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
    expect(await fixture.exitOf(execId)).toMatchObject({ id, exitCode: 137 });
    await fixture.driver.containers.delete(id);
    expect(await whatStays(id)).toEqual([]);
  });

  test('a container whose monitor was killed in between is lost and does not go on', async () => {
    const id = await crash('sleep 1000', ['create', 'start']);
    const monitor = JSON.parse(readFileSync(join(folder, 'run', id, 'monitor.json'), 'utf8')) as {
      pid: number;
    };
    process.kill(monitor.pid, 'SIGKILL');
    while (!hasEnded(monitor.pid)) await Bun.sleep(5);
    await using fixture = await createFixture({ directory: folder });
    const [recovered] = await fixture.driver.containers.recover();
    expect(recovered).toMatchObject({ id, status: { status: 'lost' } });
    await fixture.driver.containers.delete(id);
    expect(await whatStays(id)).toEqual([]);
  });

  test.each([
    'runtime.create.folder',
    'runtime.create.bundle',
    'runtime.create.monitor',
    'runtime.create.created',
    'runtime.start.begin',
    'runtime.start.started',
    'runtime.exec.bundle',
    'runtime.exec.monitor',
    'runtime.delete.stopped',
    'runtime.delete.cgroup',
    'runtime.delete.removed',
  ])('dying at %s leaves nothing that recover and delete do not find', async (fault) => {
    const id = await crash('sleep 1000', ['create', 'start', 'exec', 'delete'], fault);
    await using fixture = await createFixture({ directory: folder });
    const recovered = await fixture.driver.containers.recover();
    for (const container of recovered) await fixture.driver.containers.delete(container.id);
    expect(recovered.length).toBe(fault === 'runtime.delete.removed' ? 0 : 1);
    expect(await whatStays(id)).toEqual([]);
  });

  test('the host’s /dev/null, given away by a start that was killed, is taken back', async () => {
    chownSync('/dev/null', 1234, 1234);
    chmodSync('/dev/null', 0o667);
    await using fixture = await createFixture({ directory: folder });
    await fixture.driver.containers.recover();
    const { uid, gid, mode } = statSync('/dev/null');
    expect([uid, gid, mode & 0o7777]).toEqual([0, 0, 0o666]);
  });

  test('a hung runtime fails at its deadline and holds up nobody else', async () => {
    const stuck = join(folder, 'stuck');
    writeFileSync(stuck, '#!/bin/sh\nexec sleep 987\n');
    chmodSync(stuck, 0o755);
    await using fixture = await createFixture({
      directory: folder,
      runtimes: { crun: '/usr/bin/crun', stuck },
      deadlineMs: 4000,
    });
    const hung = fixture.request(['true'], (request) => {
      request.runtimeName = 'stuck';
    });
    let hasFailed = false;
    const failing = fixture.driver.containers.create(hung).catch((error: unknown) => {
      hasFailed = true;
      return toSiloError(error).kind;
    });
    const healthy = fixture.request(['true']);
    await fixture.driver.containers.create(healthy);
    await fixture.driver.containers.start(healthy.id);
    await fixture.exitOf(healthy.id);
    await fixture.driver.containers.delete(healthy.id);
    // The other one still hung while this one lived.
    expect(hasFailed).toBe(false);
    expect(await failing).toBe('timeout');
    expect(leftovers(hung.id)).toEqual([]);
    expect(processesWith('sleep 987')).toEqual([]);
  });
});
