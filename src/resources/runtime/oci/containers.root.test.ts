import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isKind, toSiloError } from '../../../foundation/base/errors.ts';
import type { CreateContainer } from '../runtime.ts';
import {
  cannotRun,
  cgroupParent,
  collectOutput,
  createFixture,
  newExecId,
  processesWith,
  type Fixture,
} from './test-fixture.ts';

describe.skipIf(cannotRun !== '')('containers of the oci driver', () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await createFixture();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  const run = async (args: string[], change?: (request: CreateContainer) => void) => {
    const request = fixture.request(args, change);
    await fixture.driver.containers.create(request);
    await fixture.driver.containers.start(request.id);
    const exit = await fixture.exitOf(request.id);
    return { id: request.id, exit };
  };
  const failure = (work: Promise<unknown>) =>
    work.then(
      () => Promise.reject(new Error('it should have failed')),
      (error: unknown) => toSiloError(error),
    );

  test.each(['crun', 'runc'])(
    '%s: output, exit code and end are reported, and nothing is left',
    async (name) => {
      const { id, exit } = await run(['sh', '-c', 'echo out; echo err >&2; exit 7'], (request) => {
        request.runtimeName = name;
      });
      expect(exit).toMatchObject({ id, exitCode: 7, oomKilled: false });
      expect(Math.abs(Date.now() - exit.finishedAtMs)).toBeLessThan(5000);
      const log = fixture.logOf(id);
      expect(log).toMatch(/ stdout F out\n/);
      expect(log).toMatch(/\+00:00 stderr F err\n/);
      await fixture.driver.containers.delete(id);
      const leftovers = [
        join(fixture.folder, 'run', id),
        join(fixture.folder, 'run/runtimes', name, id),
        join(fixture.folder, 'run/exits', id),
        `/sys/fs/cgroup/memory${cgroupParent}/${id}`,
        `/sys/fs/cgroup${cgroupParent}/${id}`,
      ].filter((path) => existsSync(path));
      expect(leftovers).toEqual([]);
      // The monitor ends in its own time.
      while (processesWith(id).length > 0) await new Promise((resolve) => setImmediate(resolve));
    },
  );

  test('the program does not run before start', async () => {
    const request = fixture.request(['echo', 'ran']);
    const { pid } = await fixture.driver.containers.create(request);
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('echo');
    expect(fixture.logOf(request.id)).toBe('');
    await fixture.driver.containers.start(request.id);
    await fixture.exitOf(request.id);
    expect(fixture.logOf(request.id)).toContain('ran');
  });

  test('a container that ends by a signal has 128 and its number', async () => {
    const request = fixture.request(['sleep', '60']);
    await fixture.driver.containers.create(request);
    await fixture.driver.containers.start(request.id);
    await fixture.driver.containers.kill(request.id, 9);
    expect((await fixture.exitOf(request.id)).exitCode).toBe(137);
    const error = await failure(fixture.driver.containers.kill(request.id, 9));
    expect(error.kind).toBe('not-found');
  });

  test('kill with all reaches the children too', async () => {
    const request = fixture.request(['sh', '-c', 'trap : TERM; sleep 61 & wait; echo child ended; exit 3']);
    await fixture.driver.containers.create(request);
    await fixture.driver.containers.start(request.id);
    while (processesWith('sleep 61').length === 0) await Bun.sleep(5);
    await fixture.driver.containers.kill(request.id, 15, { all: true });
    expect((await fixture.exitOf(request.id)).exitCode).toBe(3);
  });

  test('deleting a running and a paused container ends them', async () => {
    for (const paused of [false, true]) {
      const request = fixture.request(['sleep', '62']);
      await fixture.driver.containers.create(request);
      await fixture.driver.containers.start(request.id);
      if (paused) await fixture.driver.freezer?.pause(request.id);
      await fixture.driver.containers.delete(request.id);
      expect(processesWith(request.id)).toEqual([]);
      expect((await fixture.exitOf(request.id)).exitCode).toBe(137);
    }
    expect(processesWith('sleep 62')).toEqual([]);
  });

  test('deleting what was never created is fine', async () => {
    await fixture.driver.containers.delete(fixture.request(['true']).id);
  });

  test('a paused container stands still until it is resumed', async () => {
    const request = fixture.request(['sh', '-c', 'while true; do echo x; done']);
    request.log.driver = 'none';
    const { pid } = await fixture.driver.containers.create(request);
    await fixture.driver.containers.start(request.id);
    await fixture.driver.freezer?.pause(request.id);
    const ticks = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').slice(13, 15).join();
    const before = ticks();
    await Bun.sleep(60);
    expect(ticks()).toBe(before);
    await fixture.driver.freezer?.resume(request.id);
    while (ticks() === before) await Bun.sleep(5);
    await fixture.driver.containers.delete(request.id);
  });

  test('the kernel killing for want of memory is reported', async () => {
    const { exit } = await run(['sh', '-c', 'head -c 60000000 /dev/zero | tr "\\0" x | sort'], (request) => {
      request.spec.process.args = ['sh', '-c', 'x=$(yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | head -c 60000000)'];
      request.spec.linux.resources = { memory: { limit: 16 << 20, swap: 16 << 20 } };
    });
    expect(exit).toMatchObject({ exitCode: 137, oomKilled: true });
  });

  test('open files of the engine do not reach the program', async () => {
    const { id } = await run(['ls', '/proc/self/fd']);
    const descriptors = [...fixture.logOf(id).matchAll(/ F (\d+)\n/g)].map((match) => Number(match[1]));
    expect(Math.max(...descriptors)).toBeLessThanOrEqual(3);
  });

  test('the log stays below its size and keeps the last lines', async () => {
    const { id } = await run(['seq', '20000'], (request) => {
      request.log.maxSizeBytes = 100_000;
    });
    const log = fixture.logOf(id);
    expect(log.length).toBeLessThanOrEqual(100_000);
    expect(log).toMatch(/ F 20000\n$/);
  });

  test('ten containers at once each report their own exit', async () => {
    const results = await Promise.all(Array.from({ length: 10 }, (_, i) => run(['sh', '-c', `exit ${i}`])));
    expect(results.map(({ exit }) => exit.exitCode)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('an unlimited ulimit arrives exactly', async () => {
    const { id, exit } = await run(['sh', '-c', 'ulimit -f'], (request) => {
      request.spec.process.rlimits = [{ type: 'RLIMIT_FSIZE', soft: 2 ** 64, hard: 2 ** 64 }];
    });
    expect([fixture.logOf(id).includes('unlimited'), exit.exitCode]).toEqual([true, 0]);
  });

  describe.each(['crun', 'runc'])('a failing create of %s', (runtimeName) => {
    const create = (args: string[], change?: (request: CreateContainer) => void) =>
      failure(
        fixture.driver.containers.create(
          fixture.request(args, (request) => {
            request.runtimeName = runtimeName;
            change?.(request);
          }),
        ),
      );

    test('names a program that is not there', async () => {
      const error = await create(['nosuch']);
      expect([error.kind, error.code]).toEqual(['invalid', 'command-not-found']);
      expect(error.message).toBe(
        `failed to create task for container: failed to create shim task: OCI runtime create failed: ${runtimeName} create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown`,
      );
      const absolute = await create(['/bin/nosuch']);
      expect(absolute.message).toContain('exec: "/bin/nosuch": stat /bin/nosuch: no such file or directory');
    });

    test('names a program that may not be run', async () => {
      const error = await create(['/etc']);
      expect([error.kind, error.code]).toEqual(['invalid', 'command-not-executable']);
      expect(error.message).toContain('exec: "/etc": permission denied');
    });

    test('names a missing source of a mount and a working directory that is a file', async () => {
      const mount = await create(['true'], ({ spec }) => {
        spec.mounts.push({ destination: '/mnt', type: 'bind', source: '/nosuchsource', options: ['rbind'] });
      });
      expect([mount.code, mount.message.includes('/nosuchsource: no such file or directory')]).toEqual([
        'bind-source-missing',
        true,
      ]);
      const cwd = await create(['true'], ({ spec }) => {
        spec.process.cwd = '/bin/busybox';
      });
      expect([cwd.code, cwd.message.includes('not a directory')]).toEqual(['working-directory', true]);
    });

    test('leaves nothing behind', async () => {
      let id = '';
      await create(['nosuch'], (request) => {
        id = request.id;
      });
      const leftovers = [
        join(fixture.folder, 'run', id),
        join(fixture.folder, 'run/runtimes', runtimeName, id),
        `/sys/fs/cgroup/memory${cgroupParent}/${id}`,
        `/sys/fs/cgroup${cgroupParent}/${id}`,
      ];
      expect(leftovers.filter((path) => existsSync(path))).toEqual([]);
    });
  });

  test('the compiled seccomp filter of one container serves the next, and execs too', async () => {
    const seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'],
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 }],
    };
    const script = 'mkdir /tmp/never; cat /proc/self/status; sleep 65';
    for (const round of [1, 2]) {
      const request = fixture.request(['sh', '-c', script], ({ spec }) => {
        spec.linux.seccomp = seccomp;
      });
      await fixture.driver.containers.create(request);
      await fixture.driver.containers.start(request.id);
      const config = readFileSync(join(fixture.folder, 'run', request.id, 'config.json'), 'utf8');
      expect(config.includes('seccomp_bpf_data')).toBe(round === 2);
      while (!fixture.logOf(request.id).includes('Seccomp:')) await Bun.sleep(5);
      expect(fixture.logOf(request.id)).toMatch(/mkdir: .*not supported/);
      expect(fixture.logOf(request.id)).toContain('Seccomp:\t2');
      const { streams } = await fixture.driver.execs.exec({
        id: request.id,
        execId: newExecId(),
        process: { ...request.spec.process, args: ['sh', '-c', 'mkdir /tmp/never; cat /proc/self/status'] },
        attach: true,
        stdin: false,
      });
      if (!streams) throw new Error('not attached');
      const output = await collectOutput(streams);
      expect(output.stdout).toContain('Seccomp:\t2');
      expect(output.stderr).toMatch(/mkdir: .*not supported/);
      await fixture.driver.containers.delete(request.id);
    }
  });

  test('a second container of the same id is a conflict', async () => {
    const request = fixture.request(['sleep', '63']);
    await fixture.driver.containers.create(request);
    const error = await failure(fixture.driver.containers.create(request));
    expect(error.kind).toBe('conflict');
    // The first one is untouched by the failure of the second.
    await fixture.driver.containers.start(request.id);
    await fixture.driver.containers.kill(request.id, 9);
    await fixture.exitOf(request.id);
  });

  test('an unknown runtime name is invalid and lists those that exist', async () => {
    const error = await failure(
      fixture.driver.containers.create(
        fixture.request(['true'], (request) => {
          request.runtimeName = 'kata';
        }),
      ),
    );
    expect([error.kind, error.hint]).toEqual(['invalid', 'configured are: crun, runc']);
  });

  test('a monitor that is killed ends its container', async () => {
    const request = fixture.request(['sleep', '64']);
    await fixture.driver.containers.create(request);
    await fixture.driver.containers.start(request.id);
    const monitor = JSON.parse(
      readFileSync(join(fixture.folder, 'run', request.id, 'monitor.json'), 'utf8'),
    ) as {
      pid: number;
    };
    process.kill(monitor.pid, 'SIGKILL');
    expect((await fixture.exitOf(request.id)).exitCode).toBe(137);
    await fixture.driver.containers.delete(request.id);
    expect(processesWith('sleep 64')).toEqual([]);
  });

  test('calls on an unknown container are not found', async () => {
    const { id } = fixture.request(['true']);
    const error: unknown = await fixture.driver.containers.start(id).catch((thrown: unknown) => thrown);
    expect(isKind(error, 'not-found')).toBe(true);
  });
});
