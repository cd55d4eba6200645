import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { eventually } from './footprint.ts';
import { programs, type Program, startEngine, type TestEngine } from './harness.ts';
import { ask, bootstrapBusybox, inspect, remove } from './objects.ts';
import { run, type Result } from './run.ts';
import { openTerminal, type Terminal } from './terminal.ts';

if (skipReason) console.log(`skipped: whole lives: ${skipReason}`);

describe.skipIf(skipReason !== undefined).each(programs)('with %s', (program: Program) => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    const all = await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1');
    for (const { Id } of all) await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
  });
  const call = (...args: string[]): Promise<Result> => engine[program](...args);
  const input = (text: string, ...args: string[]): Promise<Result> => {
    const { command, env } = engine.client(program, ...args);
    return run(command, { env, input: text });
  };
  const terminal = (...args: string[]): Terminal => {
    const { command, env } = engine.client(program, ...args);
    return openTerminal(command, { env, columns: 81, rows: 25 });
  };
  const said = (stdout: string, code = 0): Result => ({ code, stdout, stderr: '' });

  test('run gives both streams and the exit code, and --rm leaves nothing', async () => {
    const words = ['run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 3'];
    expect(await call(...words)).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\n' });
    expect((await call('ps', '-aq')).stdout).toBe('');
  });

  test('run -i passes what is typed, and its end', async () => {
    expect(await input('one\ntwo\n', 'run', '--rm', '-i', 'busybox', 'wc', '-l')).toEqual(said('2\n'));
  });

  test('run -e -w -u --entrypoint -h', async () => {
    const options = ['-e', 'A=b', '-w', '/tmp/x', '-u', '7:8', '-h', 'named', '--entrypoint', 'sh'];
    const command = 'echo $A $(pwd) $(id -u):$(id -g) $(hostname)';
    expect(await call('run', '--rm', ...options, 'busybox', '-c', command)).toEqual(
      said('b /tmp/x 7:8 named\n'),
    );
  });

  test('a file of the host is mounted, read-only too', async () => {
    const file = join(engine.directory, 'one-file');
    writeFileSync(file, 'content\n');
    for (const mode of ['', ':ro'])
      expect(
        await call('run', '--rm', '-v', `${file}:/etc/one${mode}`, 'busybox', 'cat', '/etc/one'),
      ).toEqual(said('content\n'));
    const write = await call(
      'run',
      '--rm',
      '-v',
      `${file}:/etc/one:ro`,
      'busybox',
      'sh',
      '-c',
      'echo x > /etc/one',
    );
    expect(write).toMatchObject({ code: 1, stderr: expect.stringContaining('Read-only file system') });
  });

  test('a container from run -d to rm', async () => {
    const command = 'trap "echo bye; exit 5" TERM; echo hello; while :; do sleep 0.05; done';
    const ran = await call('run', '-d', '--name', 'steady', 'busybox', 'sh', '-c', command);
    expect(ran.stdout).toMatch(/^[0-9a-f]{64}\n$/);
    const isSaid = async (): Promise<boolean> => (await call('logs', 'steady')).stdout === 'hello\n';
    expect(await eventually(isSaid)).toBe(true);
    expect((await call('ps', '--format', '{{.Names}} {{.Image}}')).stdout).toBe('steady busybox\n');
    expect(await call('exec', 'steady', 'sh', '-c', 'echo inside; exit 4')).toEqual(said('inside\n', 4));
    expect(await input('fed\n', 'exec', '-i', 'steady', 'cat')).toEqual(said('fed\n'));
    expect((await call('top', 'steady')).stdout).toContain('sh -c trap');
    const following = call('logs', '-f', 'steady');
    expect(await call('stop', 'steady')).toEqual(said('steady\n'));
    expect((await following).stdout).toBe('hello\nbye\n');
    expect((await call('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'steady')).stdout).toBe(
      'exited 5\n',
    );
    expect(await call('rename', 'steady', 'renamed')).toEqual(said(''));
    expect(await call('start', 'renamed')).toEqual(said('renamed\n'));
    const isGreeted = async (): Promise<boolean> =>
      (await call('logs', 'renamed')).stdout.endsWith('bye\nhello\n');
    expect(await eventually(isGreeted)).toBe(true);
    expect(await call('kill', 'renamed')).toEqual(said('renamed\n'));
    expect(await call('wait', 'renamed')).toEqual(said('137\n'));
    expect(await call('logs', '--tail', '1', 'renamed')).toEqual(said('hello\n'));
    expect(await call('rm', 'renamed')).toEqual(said('renamed\n'));
    expect((await call('logs', 'renamed')).code).toBe(1);
  });

  test('events tell a life in order', async () => {
    const since = String(Math.floor(Date.now() / 1000));
    await call('run', '--rm', '--name', 'told', 'busybox', 'true');
    const until = String(Math.ceil(Date.now() / 1000) + 1);
    const filters = ['--filter', 'container=told', '--filter', 'type=container'];
    const { stdout } = await call(
      'events',
      '--since',
      since,
      '--until',
      until,
      ...filters,
      '--format',
      '{{.Action}}',
    );
    expect(stdout.trim().split('\n')).toEqual(['create', 'attach', 'start', 'die', 'destroy']);
  });

  test('volumes keep their files, bind mounts are the host’s, read-only is', async () => {
    expect(
      (await call('run', '--rm', '-v', 'kept:/data', 'busybox', 'sh', '-c', 'echo kept > /data/f')).code,
    ).toBe(0);
    expect(await call('run', '--rm', '-v', 'kept:/data:ro', 'busybox', 'cat', '/data/f')).toEqual(
      said('kept\n'),
    );
    const refused = await call('run', '--rm', '-v', 'kept:/data:ro', 'busybox', 'touch', '/data/g');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('Read-only file system')]);
    expect(await call('volume', 'rm', 'kept')).toEqual(said('kept\n'));
    const folder = join(engine.directory, 'host');
    mkdirSync(folder);
    writeFileSync(join(folder, 'in'), 'from the host\n');
    expect(
      await call('run', '--rm', '-v', `${folder}:/h`, 'busybox', 'sh', '-c', 'cat /h/in; echo back > /h/out'),
    ).toEqual(said('from the host\n'));
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('back\n');
  });

  test('a published port answers on loopback', async () => {
    const serving = 'mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www';
    await call('run', '-d', '--name', 'server', '-p', '127.0.0.1::80', 'busybox', 'sh', '-c', serving);
    const address = (await call('port', 'server', '80')).stdout.trim();
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    const page = (): Promise<string> =>
      fetch(`http://${address}/`, { signal: AbortSignal.timeout(5_000) }).then(
        (answer) => answer.text(),
        () => '',
      );
    expect(await eventually(async () => (await page()) === 'page\n')).toBe(true);
  });

  test('--network none, host and container:NAME', async () => {
    const links = 'ls /sys/class/net | tr "\\n" " "';
    expect(await call('run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', links)).toEqual(said('lo '));
    const own = readlinkSync('/proc/self/ns/net');
    expect(
      await call('run', '--rm', '--network', 'host', 'busybox', 'readlink', '/proc/self/ns/net'),
    ).toEqual(said(`${own}\n`));
    await call('run', '-d', '--name', 'owner', 'busybox', 'sleep', '600');
    const theirs = readlinkSync(`/proc/${(await inspect(engine, 'owner')).State.Pid}/ns/net`);
    expect(
      await call('run', '--rm', '--network', 'container:owner', 'busybox', 'readlink', '/proc/self/ns/net'),
    ).toEqual(said(`${theirs}\n`));
    expect(theirs).not.toBe(own);
  });

  test('limits stand in the control group', async () => {
    const limits = ['--memory', '64m', '--pids-limit', '50', '--cpus', '0.5', '--cpu-shares', '512'];
    await call('run', '-d', '--name', 'limited', ...limits, 'busybox', 'sleep', '600');
    const { Pid } = (await inspect(engine, 'limited')).State;
    const groups = readFileSync(`/proc/${Pid}/cgroup`, 'utf8');
    const value = (controller: string, v1: string, v2: string): string => {
      const path = new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(.*)$`, 'm').exec(groups)?.[1];
      const unified = /^0::(.*)$/m.exec(groups)?.[1] ?? '';
      const file =
        path === undefined ? `/sys/fs/cgroup${unified}/${v2}` : `/sys/fs/cgroup/${controller}${path}/${v1}`;
      return readFileSync(file, 'utf8').trim();
    };
    expect(value('memory', 'memory.limit_in_bytes', 'memory.max')).toBe(String(64 << 20));
    expect(value('pids', 'pids.max', 'pids.max')).toBe('50');
    expect(value('cpu', 'cpu.cfs_quota_us', 'cpu.max').split(' ')[0]).toBe('50000');
    const killed = await call(
      'run',
      '--rm',
      '--memory',
      '16m',
      '--memory-swap',
      '16m',
      'busybox',
      'sh',
      '-c',
      'x=a; while :; do x=$x$x; done',
    );
    expect(killed.code).toBe(137);
  });

  test('--init makes a process that is no init one', async () => {
    const command = ['busybox', 'sh', '-c', 'cat /proc/1/comm; kill -TERM 1; sleep 9'];
    const { stdout, code } = await call('run', '--rm', '--init', ...command);
    // The first process is the init, which passes the signal on to the program.
    expect(stdout).not.toBe('sh\n');
    expect(code).toBe(143);
  });

  describe('on a terminal', () => {
    test('run -it has the size of the window, follows it, and gives the exit code', async () => {
      using shell = terminal('run', '--rm', '-it', 'busybox', 'sh');
      await shell.until('# ');
      shell.type('stty size; tty\n');
      await shell.until(/25 81\r+\n\/dev\/pts\/0/);
      shell.resize(100, 30);
      // The new size travels by a request of its own.
      shell.type('until [ "$(stty size)" = "30 100" ]; do sleep 0.05; done; echo fol""lowed\n');
      await shell.until('followed');
      shell.type('exit 6\n');
      expect(await shell.ended).toBe(6);
    });

    test('Ctrl-C goes to the program inside', async () => {
      using shell = terminal(
        'run',
        '--rm',
        '-it',
        'busybox',
        'sh',
        '-c',
        'trap "echo caught; exit 8" INT; echo ready; while :; do sleep 0.05; done',
      );
      await shell.until('ready');
      shell.type('\u0003');
      await shell.until('caught');
      expect(await shell.ended).toBe(8);
    });

    test('the detach keys leave it running, attach comes back, and other keys can be told', async () => {
      using first = terminal('run', '-it', '--name', 'kept', 'busybox', 'sh');
      await first.until('# ');
      first.type('x=remembered\n');
      await first.until('# ');
      first.type('\u0010\u0011');
      expect(await first.ended).toBe(0);
      expect((await inspect(engine, 'kept')).State.Running).toBe(true);
      using second = terminal('attach', '--detach-keys', 'ctrl-x,x', 'kept');
      second.type('\necho $x\n');
      await second.until('remembered');
      second.type('\u0018x');
      await second.ended;
      using third = terminal('attach', 'kept');
      third.type('\nexit 4\n');
      expect(await third.ended).toBe(4);
    });

    test('exec -it is a terminal of its own', async () => {
      await call('run', '-d', '--name', 'host', 'busybox', 'sleep', '600');
      using shell = terminal('exec', '-it', 'host', 'sh');
      await shell.until('# ');
      shell.type('stty size; tty\n');
      await shell.until('25 81');
      await shell.until('/dev/pts/');
      shell.type('exit 7\n');
      expect(await shell.ended).toBe(7);
      expect((await inspect(engine, 'host')).State.Running).toBe(true);
    });

    test('-t without a terminal is refused with the usual words', async () => {
      const { code, stderr } = await call('run', '--rm', '-it', 'busybox', 'true');
      expect([code, stderr]).toEqual([1, expect.stringContaining('the input device is not a TTY')]);
    });
  });
});
