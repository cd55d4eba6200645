import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipReason, upload } from '../crash/world.ts';
import { findLeftovers } from '../crash/whole.ts';
import { eventually } from './footprint.ts';
import { startEngine, type TestEngine } from './harness.ts';
import { ask, bootstrapBusybox, create, inspect, launch, remove, runOnce } from './objects.ts';

if (skipReason) console.log(`skipped: security in force: ${skipReason}`);

/** The rows are those of the list of attacks that the engine must be immune to. */
describe.skipIf(skipReason !== undefined)('a container', () => {
  const work = mkdtempSync(join(tmpdir(), 'silo-hostile-'));
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(work, { recursive: true });
  });
  afterEach(async () => {
    const all = await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1');
    for (const { Id } of all) await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
  });
  const sh = (command: string, HostConfig = {}): Promise<{ code: number; output: string }> =>
    runOnce(engine, 'inside', { Cmd: ['sh', '-c', command], HostConfig });

  /** Makes an image of a busybox and whatever `prepare` puts into its tree. */
  const imageOf = async (name: string, prepare: (root: string) => void, change = ''): Promise<void> => {
    const root = join(work, name);
    mkdirSync(join(root, 'bin'), { recursive: true });
    copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
    for (const applet of ['sh', 'cat', 'ls', 'sleep', 'id'])
      symlinkSync('busybox', join(root, 'bin', applet));
    prepare(root);
    const { stdout } = spawnSync('tar', ['-S', '-C', root, '-cf', '-', '.'], { maxBuffer: 64 << 20 });
    const query = `fromSrc=-&repo=${name}&tag=1${change && `&changes=${encodeURIComponent(change)}`}`;
    await upload(engine, `/images/create?${query}`, Buffer.from(stdout));
  };

  test('has Docker’s capabilities and a system call filter, and no-new-privileges when asked', async () => {
    const status = await sh('grep -E "^(CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):" /proc/self/status');
    expect(status.output.replaceAll('\t', ' ')).toBe(
      'CapEff: 00000000a80425fb\nCapBnd: 00000000a80425fb\nCapAmb: 0000000000000000\nNoNewPrivs: 0\nSeccomp: 2\n',
    );
    const strict = await sh('grep NoNewPrivs /proc/self/status', { SecurityOpt: ['no-new-privileges'] });
    expect(strict.output).toBe('NoNewPrivs:\t1\n');
    const dropped = await sh('grep CapEff /proc/self/status', {
      CapDrop: ['ALL'],
      CapAdd: ['NET_BIND_SERVICE'],
    });
    expect(dropped.output).toBe('CapEff:\t0000000000000400\n');
  });

  test.each([
    ['unshare -m true', /not permitted/],
    ['unshare -U true', /not permitted/],
    ['mount -t tmpfs x /tmp', /permission denied|not permitted/],
    ['dmesg', /not permitted/],
    ['echo 1 > /proc/sys/kernel/core_pattern', /Read-only/],
    ['mkdir /sys/fs/cgroup/$(ls /sys/fs/cgroup | grep -x memory)/x', /Read-only/],
    ['echo b > /proc/sysrq-trigger', /Read-only|denied|nonexistent/],
    ['mknod /tmp/disk b 253 0 && cat /tmp/disk', /not permitted/],
    ['date -s 2030-01-01; false', /not permitted/],
    ['ip link set eth0 down', /not permitted/],
  ])('may not: %s', async (command, words) => {
    const { code, output } = await sh(`${command} 2>&1`);
    expect([code === 0, output]).toEqual([false, expect.stringMatching(words)]);
  });

  test('sees nothing behind the masked paths', async () => {
    const { output } = await sh(
      'for f in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug; do [ -e $f ] && head -c 9 $f; done; ls -A /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -v : ; echo end',
    );
    expect(output.replace(/\s+/g, ' ').trim()).toBe('end');
  });

  test('has its own /dev, whatever the host has', async () => {
    const { output } = await sh('ls /dev | sort | tr "\\n" " "; stat -c %t:%T /dev/null');
    expect(output).toBe(
      'console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero 1:3\n'.replace(
        'console ',
        '',
      ),
    );
  });

  test('row 1: one that is made of /proc/self/exe changes no program of the host', async () => {
    const hosts = ['/usr/bin/crun', '/usr/bin/conmon', process.execPath];
    const sums = (): string[] =>
      hosts.map((path) => createHash('sha256').update(readFileSync(path)).digest('hex'));
    const before = sums();
    await imageOf('selfexe', (root) =>
      writeFileSync(join(root, 'evil'), '#!/proc/self/exe\n', { mode: 0o755 }),
    );
    await create(engine, 'evil', { Image: 'selfexe:1', Cmd: ['/evil'] });
    await engine.api('POST', '/containers/evil/start');
    await launch(engine, 'host', { Image: 'selfexe:1', Cmd: ['sleep', '600'] });
    for (const Cmd of [
      ['/evil'],
      ['/proc/self/exe'],
      ['sh', '-c', 'for p in /proc/[0-9]*; do echo x > $p/exe; done'],
    ]) {
      const { Id } = await ask<{ Id: string }>(engine, 'POST', '/containers/host/exec', { Cmd });
      await engine.api('POST', `/exec/${Id}/start`, { Detach: true });
    }
    expect(sums()).toEqual(before);
  }, 20_000);

  test('row 2: no working directory leads through a descriptor to the host', async () => {
    const canary = join(engine.directory, 'canary');
    writeFileSync(canary, 'the host is here');
    await launch(engine, 'host', { Cmd: ['sleep', '600'] });
    const look = `cat ../../../../../../..${canary} ./canary 2>/dev/null`;
    for (let fd = 3; fd <= 24; fd++) {
      const WorkingDir = `/proc/self/fd/${fd}`;
      await create(engine, 'inside', { Cmd: ['sh', '-c', look], WorkingDir });
      const started = await engine.api('POST', '/containers/inside/start');
      if (started.status === 204) {
        await ask(engine, 'POST', '/containers/inside/wait');
        const { text } = await engine.api('GET', '/containers/inside/logs?stdout=1&stderr=1');
        expect([fd, text]).toEqual([fd, expect.not.stringContaining('the host is here')]);
      }
      await remove(engine, 'inside');
      const result = await engine.silo('exec', '-w', WorkingDir, 'host', 'sh', '-c', look);
      expect([fd, result.stdout]).toEqual([fd, expect.not.stringContaining('the host is here')]);
    }
  }, 40_000);

  test.each(['dev', 'proc', 'sys', 'etc', 'dev/pts', 'dev/shm', 'dev/console', 'etc/hosts'])(
    'row 6: an image whose /%s is a link writes nothing on the host',
    async (path) => {
      const target = mkdtempSync(join(tmpdir(), 'silo-target-'));
      try {
        const name = `link-${path.replace('/', '-')}`;
        await imageOf(name, (root) => {
          mkdirSync(join(root, target), { recursive: true });
          mkdirSync(join(root, path, '..'), { recursive: true });
          symlinkSync(target, join(root, path));
        });
        for (const Tty of [false, true]) {
          await create(engine, 'inside', {
            Image: `${name}:1`,
            Cmd: ['sh', '-c', 'echo ok > /dev/null'],
            Tty,
          });
          await engine.api('POST', '/containers/inside/start');
          await ask(engine, 'POST', '/containers/inside/wait');
          await remove(engine, 'inside');
        }
        expect(readdirSync(target)).toEqual([]);
        expect(statSync(target).isDirectory()).toBe(true);
      } finally {
        rmSync(target, { recursive: true });
      }
    },
  );

  test('row 8: exec -u means whom it says', async () => {
    await launch(engine, 'host', { Cmd: ['sleep', '600'] });
    const whoIs = async (user: string): Promise<string> => {
      const ids = 'grep -E "^(Uid|Gid):" /proc/self/status | cut -f2,3 | tr "\\n\\t" "  "';
      return (await engine.silo('exec', '-u', user, 'host', 'sh', '-c', ids)).stdout.trim();
    };
    expect(await whoIs('1')).toMatch(/^1 1 \d+ \d+$/);
    expect(await whoIs('1234:56')).toBe('1234 1234 56 56');
    expect(await whoIs('0:7')).toBe('0 0 7 7');
    expect(await whoIs('root')).toBe('0 0 0 0');
    expect(await whoIs('nosuch')).toContain('unable to find user nosuch');
  }, 20_000);

  test('row 16: an endless user database neither fills the memory nor holds anybody up', async () => {
    await imageOf('endless', (root) => {
      mkdirSync(join(root, 'etc'));
      writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
      writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
      truncateSync(join(root, 'etc/passwd'), 4 * 2 ** 30);
      truncateSync(join(root, 'etc/group'), 4 * 2 ** 30);
    });
    await imageOf('devices', (root) => {
      mkdirSync(join(root, 'etc'));
      symlinkSync('/dev/zero', join(root, 'etc/passwd'));
      spawnSync('mkfifo', [join(root, 'etc/group')]);
    });
    const memory = (): number =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${engine.pid()}/status`, 'utf8'))?.[1]);
    const before = memory();
    for (const Image of ['endless:1', 'devices:1'])
      for (const User of ['nosuch', '5:nosuch', '5']) {
        await create(engine, 'inside', { Image, Cmd: ['id', '-u'], User });
        const startedAt = performance.now();
        await engine.api('POST', '/containers/inside/start');
        expect(performance.now() - startedAt).toBeLessThan(5_000);
        await remove(engine, 'inside');
      }
    expect(memory() - before).toBeLessThan(200 * 1024);
  }, 60_000);

  test.each([
    '4294967296',
    '4294967295',
    '2147483648',
    '-1',
    '0x0',
    '1e3',
    '1.5',
    ' 0',
    '99999999999999999999',
    ':',
    'root:4294967296',
  ])('row 17: the user %p is refused or is not root', async (User) => {
    await create(engine, 'inside', { Cmd: ['id', '-u'], User });
    const { status } = await engine.api('POST', '/containers/inside/start');
    if (status !== 204) return;
    await ask(engine, 'POST', '/containers/inside/wait');
    const { text } = await engine.api('GET', '/containers/inside/logs?stdout=1');
    // An empty name is Docker's word for "as the image says".
    if (User !== ':') expect(text.slice(8)).not.toBe('0\n');
  });

  test('row 23: no control group can be mounted, so no release agent be set', async () => {
    const mounting = 'mkdir /tmp/c; mount -t cgroup -o memory x /tmp/c || mount -t cgroup2 x /tmp/c';
    for (const way of [mounting, `unshare -Urm sh -c '${mounting}'`, `unshare -m sh -c '${mounting}'`]) {
      const { code, output } = await sh(`${way}; echo; grep /tmp/c /proc/mounts`);
      expect([code === 0, output]).toEqual([false, expect.stringMatching(/denied|not permitted/)]);
    }
    const writing = await sh(
      'for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/release_agent; do echo x > $f; done 2>&1',
    );
    expect(writing.output).toMatch(/Read-only|nonexistent/);
  });

  test('row 24: on the host’s network it meets no abstract socket of the engine', async () => {
    const { output } = await sh('cat /proc/net/unix', { NetworkMode: 'host' });
    const abstract = output.split('\n').filter((line) => / @/.test(line));
    expect(
      abstract.filter((line) => /silo|conmon|crun/.test(line) || line.includes(engine.directory)),
    ).toEqual([]);
  });

  test('row 25: nobody else on the host gets into the engine’s folders or its socket', async () => {
    await launch(engine, 'host', { Cmd: ['sleep', '600'] });
    const others = 0o007;
    const modeOf = (path: string): number => statSync(path).mode & others;
    expect(modeOf(engine.dataRoot)).toBe(0);
    expect(modeOf(engine.socket)).toBe(0);
    // The root of a container is nobody on the host, and goes through here to what is its own: others may pass two doors, see nothing, and find all that is behind closed.
    const exec = join(engine.directory, 'exec');
    for (const path of [exec, join(exec, 'rootfs')]) {
      expect([path, modeOf(path)]).toEqual([path, 0o001]);
      for (const name of readdirSync(path))
        if (path !== exec || name !== 'rootfs') expect([name, modeOf(join(path, name))]).toEqual([name, 0]);
    }
    // Whoever may pass the root by its group still meets closed doors.
    for (const name of ['containers', 'content', 'snapshots', 'tmp'])
      expect([name, statSync(join(engine.dataRoot, name)).mode & 0o077]).toEqual([name, 0]);
  });

  test('that is privileged may what the others may not', async () => {
    const { code, output } = await sh(
      'mount -t tmpfs x /mnt 2>/dev/null || { mkdir -p /mnt; mount -t tmpfs x /mnt; } && grep Seccomp: /proc/self/status',
      { Privileged: true },
    );
    expect([code, output]).toEqual([0, 'Seccomp:\t0\n']);
  });

  test('gives its processes nothing of the engine’s: no descriptor, no environment', async () => {
    const { output } = await sh('ls /proc/self/fd | tr "\\n" " "; env | sort | cut -d= -f1 | tr "\\n" " "');
    expect(output).toMatch(/^0 1 2 3 HOME HOSTNAME PATH (PWD )?SHLVL $/);
    await launch(engine, 'host', { Cmd: ['sleep', '600'] });
    const { Pid } = (await inspect(engine, 'host')).State;
    // Started is not yet executed: the runtime's own descriptors go with execve(2).
    await eventually(() => readFileSync(`/proc/${Pid}/comm`, 'utf8') === 'sleep\n');
    expect(readdirSync(`/proc/${Pid}/fd`).toSorted()).toEqual(['0', '1', '2']);
  });
});
