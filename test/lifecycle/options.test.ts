import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { type Program, programs, startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, remove } from '../e2e/objects.ts';
import { run, type Result } from '../e2e/run.ts';

if (skipReason) console.log(`skipped: options of containers: ${skipReason}`);

describe.skipIf(skipReason !== undefined).each(programs)('options with %s', (program: Program) => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine({ args: ['--bip', `10.74.${process.pid % 250}.1/24`] });
    await bootstrapBusybox(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
  });
  const call = (...args: string[]): Promise<Result> => engine[program](...args);
  /** Output of a script in a container that has these options. */
  const says = async (options: string, script: string): Promise<string> => {
    const words = options.split(' ').filter((word) => word !== '');
    const { stdout, stderr } = await call('run', '--rm', ...words, 'busybox', 'sh', '-c', script);
    return `${stdout}${stderr}`.trim();
  };
  const fails = async (options: string): Promise<string> => {
    const { code, stderr } = await call('run', '--rm', ...options.split(' '), 'busybox', 'true');
    expect({ options, code }).toEqual({ options, code: stderr.includes('no such file') ? 127 : 125 });
    return stderr;
  };

  test.each([
    ['--shm-size 10m', 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2', '10240'],
    ['--ipc none', 'mount | grep -c /dev/shm', '0'],
    ['--uts host', 'hostname', hostname()],
    ['--hostname hh --domainname dd.example', 'hostname -f', 'hh.dd.example'],
    ['--group-add 77 -u 5:6', 'id -G', '6 77'],
    ['--read-only', 'touch /x 2>&1', 'touch: /x: Read-only file system'],
    ['--oom-score-adj 300', 'cat /proc/self/oom_score_adj', '300'],
    ['--add-host a:1.2.3.4', 'grep -w a /etc/hosts', '1.2.3.4\ta'],
    [
      '--dns 9.9.9.9 --dns-search s.example --dns-option ndots:3',
      'cat /etc/resolv.conf',
      'nameserver 9.9.9.9\nsearch s.example\noptions ndots:3',
    ],
    ['--sysctl kernel.msgmax=9000', 'cat /proc/sys/kernel/msgmax', '9000'],
    ['--tmpfs /t:size=5m', 'grep " /t " /proc/mounts | grep -c noexec', '1'],
    ['--tmpfs /t:exec', 'grep " /t " /proc/mounts | grep -c noexec', '0'],
    ['--device /dev/null:/dev/other:r', 'ls -l /dev/other | cut -c1', 'c'],
    ['--cap-drop ALL --cap-add CHOWN', 'grep CapEff /proc/self/status', 'CapEff:\t0000000000000001'],
    ['--security-opt no-new-privileges', 'grep NoNewPrivs /proc/self/status', 'NoNewPrivs:\t1'],
    ['--ulimit nofile=100:200', 'ulimit -n; ulimit -Hn', '100\n200'],
    ['--init', 'tr "\\0" " " < /proc/1/cmdline | cut -d" " -f1', '/sbin/docker-init'],
    ['--cgroupns private', 'grep -c silo /proc/self/cgroup', '0'],
  ])('%s', async (options, script, expected) => {
    expect(await says(options, script)).toBe(expected);
  });

  test.each([
    ['--cap-add NOPE', 'unknown capability: "CAP_NOPE"'],
    ['--security-opt foo=bar', 'invalid --security-opt 2: "foo=bar"'],
    ['--stop-signal NOPE', 'invalid signal: NOPE'],
    ['--pull sometimes', 'must be one of "always", "missing" or "never"'],
    ['--restart always', 'cannot specify both --restart and --rm'],
    ['--device /dev/nope', 'error gathering device information while adding custom device "/dev/nope"'],
    ['--uts container:x', 'invalid UTS mode'],
    ['--sysctl net.core.somaxconn=99 --network host', 'net.core.somaxconn'],
    ['--pid container:nosuch', 'No such container: nosuch'],
    ['--no-healthcheck --health-cmd x', '--no-healthcheck conflicts with --health-* options'],
    ['--health-cmd true --health-interval 1us', 'Interval in Healthcheck cannot be less than 1ms'],
    ['--annotation silo.health-on-failure=maybe', 'invalid on-failure action of the health check'],
  ])('%s is refused', async (options, words) => {
    expect(await fails(options)).toContain(words);
  });

  test('files: --cidfile, --label-file, --env-file', async () => {
    const at = (name: string): string => join(engine.directory, `${program}-${name}`);
    writeFileSync(at('labels'), 'a=1\n# comment\nbare\n');
    writeFileSync(at('env'), 'X=1\n# comment\nY=a b\n');
    const files = ['--cidfile', at('cid'), '--label-file', at('labels'), '--env-file', at('env')];
    const { stdout } = await call('create', '--name', 'made', ...files, 'busybox', 'true');
    expect(readFileSync(at('cid'), 'utf8')).toBe(stdout.trim());
    const shown = await call('inspect', '-f', '{{json .Config.Labels}} {{index .Config.Env 1}}', 'made');
    expect(shown.stdout).toBe('{"a":"1"} Y=a b\n');
    const again = await call('create', '--cidfile', at('cid'), 'busybox', 'true');
    expect([again.code === 0, again.stderr]).toEqual([
      false,
      expect.stringContaining('container ID file found'),
    ]);
  });

  test('namespaces of another container', async () => {
    await call(
      'run',
      '-d',
      '--name',
      'owner',
      '--ipc',
      'shareable',
      'busybox',
      'sh',
      '-c',
      'touch /dev/shm/mine; sleep 1000',
    );
    expect(await says('--pid container:owner', 'ps | grep -c "sleep 1000"')).not.toBe('0');
    expect(await says('--ipc container:owner', 'ls /dev/shm')).toBe('mine');
    const owners = (await call('exec', 'owner', 'hostname')).stdout.trim();
    expect(await says('--network container:owner', 'hostname')).toBe(owners);
    await call('run', '-d', '--name', 'alone', '--ipc', 'private', 'busybox', 'sleep', '1000');
    expect(await fails('--ipc container:alone')).toContain('non-shareable IPC');
  });

  test('create, start -a -i: input, output and exit code', async () => {
    await call('create', '--name', 'asked', '-i', 'busybox', 'sh', '-c', 'read x; echo "got $x"; exit 5');
    const { command, env } = engine.client(program, 'start', '-ai', 'asked');
    expect(await run(command, { env, input: 'hello\n' })).toEqual({
      code: 5,
      stdout: 'got hello\n',
      stderr: '',
    });
  });

  test('stop signal and timeout of the container', async () => {
    const script = 'trap "exit 9" USR1; echo ready; while :; do sleep 0.02; done';
    const options = ['--stop-signal', 'USR1', '--stop-timeout', '20'];
    await call('run', '-d', '--name', 'polite', ...options, 'busybox', 'sh', '-c', script);
    while ((await call('logs', 'polite')).stdout === '') await Promise.resolve();
    await call('stop', 'polite');
    const shown = await call('inspect', '-f', '{{.State.ExitCode}} {{.Config.StopTimeout}}', 'polite');
    expect(shown.stdout).toBe('9 20\n');
  });

  test('wait: removed, next-exit, and an unknown condition', async () => {
    await call('run', '-d', '--rm', '--name', 'brief', 'busybox', 'sleep', '0.3');
    expect(await ask(engine, 'POST', '/containers/brief/wait?condition=removed')).toEqual({ StatusCode: 0 });
    expect((await engine.api('GET', '/containers/brief/json')).status).toBe(404);
    await call('create', '--name', 'later', 'busybox', 'sh', '-c', 'exit 6');
    const ended = ask(engine, 'POST', '/containers/later/wait?condition=next-exit');
    await call('start', 'later');
    expect(await ended).toEqual({ StatusCode: 6 });
    expect((await engine.api('POST', '/containers/later/wait?condition=foo')).status).toBe(400);
  });
});
