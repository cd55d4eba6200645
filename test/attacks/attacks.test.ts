import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { archive as tar, member } from '../../src/foundation/archive/tar-fixtures.ts';
import { isMountPoint } from '../../src/foundation/kernel/mount-info.ts';
import { mountTmpfs, unmount } from '../../src/foundation/kernel/mount.ts';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason, upload } from '../crash/world.ts';
import { siloCommand, startEngine, type TestEngine } from '../e2e/harness.ts';
import {
  ask,
  bootstrapBusybox,
  create,
  type CreateBody,
  inspect,
  launch,
  logs,
  remove,
  runOnce,
  wait,
} from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';
import { put } from '../files/ask.ts';
import { importServiceImage } from '../e2e/service-images.ts';
import { escapes, gifts, type Level, levels } from './escapes.ts';
import { elfOf, oldCalls, oldSockets } from './ia32.ts';

if (skipReason) console.log(`skipped: attacks on a container’s walls: ${skipReason}`);
const runtimes = ['crun', ...(existsSync('/usr/sbin/runc') || existsSync('/usr/bin/runc') ? ['runc'] : [])];
if (runtimes.length === 1) console.log('skipped: the same attacks with runc, which is not installed');

// Other work on the machine makes each start wait.
setDefaultTimeout(60_000);

const { EPERM, EACCES, EROFS, ENOENT, ENOSYS, ENXIO, ENODEV, ESRCH, ECONNREFUSED } = constants.errno;
/** Nothing here is about networks, which cost half of a start. */
const quick = { NetworkMode: 'none' };
/** The kernel of this machine has no such thing, so nothing can be said of who may use it. */
const missing = new Set([ENOENT, ENOSYS, ENXIO, ENODEV]);

describe.skipIf(skipReason !== undefined)('an attacker', () => {
  const outside = mkdtempSync(join(tmpdir(), 'silo-outside-'));
  const canary = join(outside, 'canary');
  const abstract = `silo-attack-${process.pid}`;
  const corePattern = (): string => readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
  const before = skipReason === undefined ? corePattern() : '';
  let engine: TestEngine;
  let listener: Server;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    writeFileSync(canary, 'alive');
    listener = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => listener.listen(`\0${abstract}`, resolve));
    await importServiceImage(
      engine,
      { name: 'kit:1', folders: ['usr/bin', 'tmp'], changes: [] },
      async (root) => {
        await copyFile('/usr/bin/perl', join(root, 'usr/bin/perl'));
        await copyFile(join(import.meta.dir, 'kit.pl'), join(root, 'kit.pl'));
        return ['/usr/bin/perl'];
      },
    );
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    listener.close();
    rmSync(outside, { recursive: true });
  });
  afterEach(async () => {
    const now = corePattern();
    if (now !== before) writeFileSync('/proc/sys/kernel/core_pattern', before);
    expect(now).toBe(before);
    expect(readdirSync(outside)).toEqual(['canary']);
    expect(readFileSync(canary, 'utf8')).toBe('alive');
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(outside);
    const all = await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1');
    for (const { Id } of all) await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
  });

  const kitWords = ['/usr/bin/perl', '/kit.pl', process.arch, canary, abstract, String(process.pid)];
  /** Which probes got through; the error's number of those that did not. */
  const kit = async (body: CreateBody, ...probes: string[]): Promise<Map<string, 'yes' | number>> => {
    const Cmd = [...kitWords, ...probes];
    const { code, output } = await runOnce(engine, 'kit', { Image: 'kit:1', ...body, Cmd });
    if (code !== 0) throw new Error(output);
    return verdicts(output);
  };
  const imageOf = async (
    name: string,
    changes: readonly string[],
    prepare: (root: string) => void,
  ): Promise<void> => {
    const root = mkdtempSync(join(tmpdir(), 'silo-image-'));
    try {
      chmodSync(root, 0o755);
      mkdirSync(join(root, 'bin'));
      spawnSync('cp', ['/bin/busybox', join(root, 'bin/busybox')]);
      for (const applet of ['sh', 'cat', 'ls', 'sleep', 'true'])
        symlinkSync('busybox', join(root, 'bin', applet));
      prepare(root);
      const { stdout } = spawnSync('tar', ['-C', root, '-cf', '-', '.'], { maxBuffer: 64 << 20 });
      const words = changes.map((change) => `&changes=${encodeURIComponent(change)}`).join('');
      await upload(engine, `/images/create?fromSrc=-&repo=${name}&tag=1${words}`, Buffer.from(stdout));
    } finally {
      rmSync(root, { recursive: true });
    }
  };
  /** Creates and starts; what the engine said when it refused. */
  const refusal = async (body: CreateBody): Promise<string> => {
    const made = await engine.api('POST', '/containers/create?name=victim', { Image: 'busybox', ...body });
    if (made.status >= 400) return made.text;
    const { status, text } = await engine.api('POST', '/containers/victim/start');
    await remove(engine, 'victim');
    return status === 204 ? 'started' : text;
  };

  const places = runtimes.flatMap((Runtime) =>
    (Object.keys(levels) as Level[]).map((level) => ({ Runtime, level })),
  );
  test.each(places)(
    'escapes from a container of $Runtime ($level) only where the table says so',
    async ({ Runtime, level }) => {
      expectWalls(level, await kit({ HostConfig: { ...levels[level].hostConfig, ...quick, Runtime } }));
    },
  );

  test('escapes by exec no further than the container itself', async () => {
    await launch(engine, 'host', {
      Image: 'kit:1',
      Cmd: ['/usr/bin/perl', '-e', 'sleep 600'],
      HostConfig: quick,
    });
    const { code, stdout } = await engine.silo('exec', 'host', ...kitWords);
    expect(code).toBe(0);
    expectWalls('default', verdicts(stdout));
  });

  const has32Bits = process.arch === 'x64' && runs32Bits();
  if (!has32Bits) console.log('skipped: system calls of 32-bit x86: this kernel has none');
  test.skipIf(!has32Bits)(
    'gets no further by 32-bit system calls, from programs of either kind',
    async () => {
      await imageOf('old', [], (root) => {
        mkdirSync(join(root, 'try'));
        for (const call of [...oldCalls, ...oldSockets])
          for (const bits of [32, 64] as const)
            writeFileSync(join(root, `try/${call.name}.${bits}`), elfOf(call, bits), { mode: 0o755 });
      });
      const outcomes = async (
        Runtime: string,
        ...words: string[]
      ): Promise<[name: string, code: number][]> => {
        const Cmd = ['sh', '-c', 'cd /try; for f in *; do ./$f 2>/dev/null; echo $f $?; done'];
        const HostConfig = { ...quick, Runtime, SecurityOpt: words };
        const { output } = await runOnce(engine, 'old', { Image: 'old:1', Cmd, HostConfig });
        return output
          .trim()
          .split('\n')
          .map((line): [string, number] => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]);
      };
      const isOf = (list: readonly { name: string }[], file: string): boolean =>
        list.some(({ name }) => file === `${name}.32` || file === `${name}.64`);
      for (const Runtime of runtimes) {
        const found = await outcomes(Runtime);
        expect(found).toHaveLength(2 * (oldCalls.length + oldSockets.length));
        const through = found.filter(
          ([name, code]) => isOf(oldCalls, name) && code !== EPERM && code !== ENOSYS,
        );
        expect(through).toEqual([
          ['getpid.32', 0],
          ['getpid.64', 0],
        ]);
        // As with Docker: see docs/security.md.
        expect(found.filter(([name]) => name.startsWith('inet'))).toEqual([
          ['inet.32', 0],
          ['inet.64', 0],
        ]);
        // Killed by SIGSYS, whatever they call.
        const hardened = await outcomes(Runtime, 'silo=hardened');
        expect(new Set(hardened.map(([, code]) => code))).toEqual(new Set([128 + constants.signals.SIGSYS]));
      }
      // It is the filter that refuses: these ask for no capability.
      const open = await outcomes('crun', 'seccomp=unconfined');
      for (const name of ['unshare', 'keyctl', 'add_key', 'clone'])
        for (const bits of [32, 64])
          expect([name, bits, open.find(([each]) => each === `${name}.${bits}`)?.[1]]).not.toEqual([
            name,
            bits,
            EPERM,
          ]);
    },
  );

  test.each(runtimes)(
    'gets nothing outside by an upload into a container that %s starts meanwhile',
    async (Runtime) => {
      const links = ['dev', 'proc', 'sys', 'etc/hosts', 'etc/resolv.conf', 'data', 'run'].map((name) =>
        member({ type: 'symlink', name, linkName: name.startsWith('etc') ? canary : outside }),
      );
      const planted = ['dev', 'proc', 'data', 'run'].map((name) =>
        member({ name: `${name}/planted`, content: 'planted' }),
      );
      // The upload is at another place of the start each time.
      for (const [round, kib] of [0, 1, 64, 512, 2048, 8192].entries()) {
        const filler = member({ name: 'filler', content: 'x'.repeat(kib << 10) });
        const HostConfig = { ...quick, Runtime, Binds: [`given-${Runtime}:/data`], Tmpfs: { '/run': '' } };
        const id = await create(engine, 'victim', {
          Cmd: ['sh', '-c', 'echo x >/dev/null; echo x >/data/x'],
          HostConfig,
        });
        const upload = put(
          engine,
          id,
          '/',
          tar(filler, ...links.slice(round), ...links.slice(0, round), ...planted),
        );
        const start = engine.api('POST', `/containers/${id}/start`);
        const [uploaded, started] = await Promise.all([upload, start]);
        expect([200, 400, 403, 404, 409, 500]).toContain(uploaded.status);
        expect([204, 400, 404, 409, 500]).toContain(started.status);
        await remove(engine, id);
        expect(readFileSync(canary, 'utf8')).toBe('alive');
        expect(readdirSync(outside)).toEqual(['canary']);
      }
    },
  );

  test.each(runtimes)(
    'is led by a rename on the way to a mount below a bind nowhere else while %s starts it',
    async (Runtime) => {
      const base = mkdtempSync(join(tmpdir(), 'silo-renames-'));
      const below = join(base, 'src/a/below');
      mkdirSync(below, { recursive: true });
      mkdirSync(join(base, 'secret/below'), { recursive: true });
      writeFileSync(join(base, 'secret/below/file'), 'secret');
      symlinkSync(join(base, 'secret'), join(base, 'src/link'));
      mountTmpfs({ target: below });
      writeFileSync(join(below, 'file'), 'own');
      const swapping = `cd ${base}/src; while :; do mv -T a kept; mv -T link a; mv -T a link; mv -T kept a; done`;
      const racer = spawn('sh', ['-c', swapping], { stdio: 'ignore' });
      const gone = once(racer, 'exit');
      try {
        for (let round = 0; round < 8; round++) {
          const look = 'cat /b/a/below/file /b/kept/below/file /b/link/below/file 2>/dev/null; true';
          const HostConfig = { ...quick, Runtime, Binds: [`${base}/src:/b`] };
          await create(engine, 'victim', { Cmd: ['sh', '-c', look], HostConfig });
          const { status } = await engine.api('POST', '/containers/victim/start');
          if (status === 204) {
            await wait(engine, 'victim');
            expect(await logs(engine, 'victim')).not.toContain('secret');
          }
          await remove(engine, 'victim');
          expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(join(base, 'secret'));
        }
      } finally {
        racer.kill('SIGKILL');
        await gone;
        const place = ['a', 'kept'].map((name) => join(base, 'src', name, 'below')).find(isMountPoint);
        if (place !== undefined) unmount(place, { detach: true });
        rmSync(base, { recursive: true });
      }
    },
  );

  test('gets by an option what the page says, and no more', async () => {
    for (const { words, body, through } of gifts(engine.socket)) {
      const outcome = await kit(body, ...Object.keys(through));
      const got = Object.fromEntries([...outcome].map(([name, result]) => [name, result === 'yes']));
      expect([words, got]).toEqual([words, { ...through }]);
    }
  });

  test('who types into its terminal (TIOCSTI) reads it there itself', async () => {
    const Cmd = ['/usr/bin/perl', '/kit.pl', process.arch, canary, abstract, '1', 'type-into-terminal'];
    await launch(engine, 'typist', { Image: 'kit:1', Cmd, Tty: true });
    expect(await wait(engine, 'typist')).toBe(0);
    const { text } = await engine.api('GET', '/containers/typist/logs?stdout=1');
    expect(text).toMatch(/type-into-terminal (yes|no 5)/);
  });

  test.each(runtimes)(
    'rows 3, 4 and 7: fills /dev or /dev/pts for %s neither by a volume nor by an image',
    async (Runtime) => {
      const traps = [
        `for n in null console zero ptmx 0; do ln -s /proc/sys/kernel/core_pattern /v/$n; done`,
        `for n in null console zero ptmx 0; do ln -s ../../../../../../../..${canary} /v/$n; done; ln -s ${outside} /v/pts; ln -s ${outside} /v/shm`,
      ];
      for (const [index, trap] of traps.entries()) {
        const Binds = [`trap-${Runtime}-${index}:/v`];
        await runOnce(engine, 'setter', { Cmd: ['sh', '-c', trap], HostConfig: { ...quick, Binds } });
        for (const place of ['/dev', '/dev/../dev/pts/.']) {
          const said = await refusal({
            HostConfig: { ...quick, Runtime, Binds: [`trap-${Runtime}-${index}:${place}`] },
          });
          expect(said).toContain('would stand for the devices of the container');
        }
      }
      await imageOf(`own-dev-${Runtime}`, ['VOLUME /dev', 'VOLUME /dev/pts'], (root) => {
        mkdirSync(join(root, 'dev/pts'), { recursive: true });
        for (const name of ['null', 'console', 'pts/0'])
          symlinkSync('/proc/sys/kernel/core_pattern', join(root, 'dev', name));
      });
      await imageOf(`led-to-dev-${Runtime}`, ['VOLUME /data'], (root) =>
        symlinkSync('dev', join(root, 'data')),
      );
      for (const name of [`own-dev-${Runtime}`, `led-to-dev-${Runtime}`])
        expect(
          await refusal({ Image: `${name}:1`, Cmd: ['sh'], HostConfig: { ...quick, Runtime } }),
        ).toContain('would stand for');
      expect(await refusal({ HostConfig: { ...quick, Runtime, Binds: ['/dev:/dev'] } })).toBe('started');
      expect(await refusal({ HostConfig: { ...quick, Runtime, Tmpfs: { '/dev/shm': '' } } })).toBe('started');
    },
  );

  test.each(runtimes)(
    'row 3: uncovers no hidden path by racing /dev/null with %s, nor does a link in a shared volume',
    async (Runtime) => {
      // The racer shares a volume with each victim, and swaps the place of the victim's next mount for links.
      const places = ['/dev', '/dev/pts', '/proc/sys/kernel', outside].map(
        (path) =>
          `ln -sfn ${path} /s/link; mv -T /s/x /s/kept; mv -T /s/link /s/x; mv -T /s/x /s/link; mv -T /s/kept /s/x`,
      );
      const racing = `mkdir -p /s/x; while :; do ${places.join('; ')}; done 2>/dev/null`;
      await launch(engine, 'racer', {
        Cmd: ['sh', '-c', racing],
        HostConfig: { ...quick, Binds: [`shared-${Runtime}:/s`] },
      });
      const trap = 'for n in null console zero ptmx 0; do ln -s /proc/sys/kernel/core_pattern /v/$n; done';
      await runOnce(engine, 'setter', {
        Cmd: ['sh', '-c', trap],
        HostConfig: { ...quick, Binds: [`other-${Runtime}:/v`] },
      });
      const look =
        'test -c /dev/null || echo no null; cat /proc/interrupts | head -c 64; touch /proc/sys/kernel/core_pattern 2>/dev/null && echo open';
      for (let round = 0; round < 5; round++) {
        const HostConfig = {
          ...quick,
          Runtime,
          Binds: [`shared-${Runtime}:/data`, `other-${Runtime}:/data/x`],
        };
        await create(engine, 'victim', { Cmd: ['sh', '-c', look], Tty: round % 2 === 1, HostConfig });
        const { status } = await engine.api('POST', '/containers/victim/start');
        if (status === 204) {
          await wait(engine, 'victim');
          const { text } = await engine.api('GET', '/containers/victim/logs?stdout=1&stderr=1');
          expect(text).not.toMatch(/open|CPU0/);
        }
        await remove(engine, 'victim');
        expect(corePattern()).toBe(before);
      }
    },
  );

  test.each(runtimes)(
    'row 5: leads no write of %s to /proc elsewhere, and sysctls are truly set',
    async (Runtime) => {
      const trap =
        'mkdir -p /v/sys/net/ipv4 /v/self/attr; for n in self/oom_score_adj self/attr/exec sys/net/ipv4/ip_forward; do echo x > /v/$n; done';
      const Binds = [`fake-${Runtime}:/v`];
      await runOnce(engine, 'setter', { Cmd: ['sh', '-c', trap], HostConfig: { ...quick, Binds } });
      for (const place of ['/proc', '/proc/sys', '/proc/self/attr', '/proc/1'])
        expect(
          await refusal({ HostConfig: { ...quick, Runtime, Binds: [`fake-${Runtime}:${place}`] } }),
        ).toContain('because it is inside /proc');
      await imageOf(`own-proc-${Runtime}`, ['VOLUME /data'], (root) =>
        symlinkSync('/proc', join(root, 'data')),
      );
      expect(
        await refusal({ Image: `own-proc-${Runtime}:1`, Cmd: ['sh'], HostConfig: { ...quick, Runtime } }),
      ).toContain('because it is inside /proc');
      const name = 'net.ipv4.ip_unprivileged_port_start';
      const values = ['71', '72', '73', '74'];
      const seen = await Promise.all(
        values.map(async (value) => {
          const subject = `sysctl-${value}`;
          const HostConfig = {
            ...quick,
            Runtime,
            Sysctls: { [name]: value },
            Binds: [`fake-${Runtime}:/data`],
          };
          await launch(engine, subject, {
            Cmd: ['cat', `/proc/sys/${name.replaceAll('.', '/')}`],
            HostConfig,
          });
          await wait(engine, subject);
          return (await logs(engine, subject)).trim();
        }),
      );
      expect(seen).toEqual(values);
    },
  );

  test.each(runtimes)(
    'row 6: puts no link for /dev into a stopped container that %s follows',
    async (Runtime) => {
      for (const name of ['dev', 'proc', 'sys']) {
        const id = await create(engine, 'victim', { Cmd: ['true'], HostConfig: { ...quick, Runtime } });
        const links = tar(
          member({ type: 'directory', name: outside.slice(1) }),
          member({ type: 'symlink', name, linkName: outside }),
        );
        expect((await put(engine, id, '/', links)).status).toBe(200);
        const { status, text } = await engine.api('POST', `/containers/${id}/start`);
        expect([status, text]).toEqual([400, expect.stringContaining('is not a directory')]);
        await remove(engine, id);
      }
    },
  );

  test.each(runtimes)('row 3: a link in a volume puts nothing over /dev for %s', async (Runtime) => {
    const trap =
      'ln -s /dev /s/x; for n in null console ptmx; do ln -s /proc/sys/kernel/core_pattern /o/$n; done';
    const [outer, inner] = [`outer-${Runtime}`, `inner-${Runtime}`];
    await runOnce(engine, 'setter', {
      Cmd: ['sh', '-c', trap],
      HostConfig: { ...quick, Binds: [`${outer}:/s`, `${inner}:/o`] },
    });
    const HostConfig = { ...quick, Runtime, Binds: [`${outer}:/data`, `${inner}:/data/x`] };
    const look = 'test -c /dev/null && test -c /proc/interrupts && echo real';
    const { output } = await runOnce(engine, 'victim', { Cmd: ['sh', '-c', look], HostConfig });
    expect(output).toBe('real\n');
  });

  test('row 9: chooses no handler of the runtime, and a link to its configuration is nothing', async () => {
    for (const name of ['run.oci.handler', 'run.oci.hooks.stdout', 'run.oci.seccomp_fail_unknown_syscall'])
      expect(await refusal({ HostConfig: { Annotations: { [name]: 'krun' } } })).toContain('is not allowed');
    await imageOf('krun', ['LABEL run.oci.handler=krun'], (root) =>
      symlinkSync(canary, join(root, '.krun_config.json')),
    );
    expect((await runOnce(engine, 'krun', { Image: 'krun:1', Cmd: ['cat', '/bin/sh'] })).code).toBe(0);
  });

  test.each(runtimes)(
    'row 13: who swaps the place of a mount for a link has nothing mounted outside with %s',
    async (Runtime) => {
      const racing = `mkdir -p /s/x; ln -s ${outside} /s/link; while :; do mv -T /s/x /s/kept; mv -T /s/link /s/x; mv -T /s/x /s/link; mv -T /s/kept /s/x; done 2>/dev/null`;
      await launch(engine, 'racer', {
        Cmd: ['sh', '-c', racing],
        HostConfig: { ...quick, Binds: [`place-${Runtime}:/s`] },
      });
      for (let round = 0; round < 5; round++) {
        const said = await refusal({
          Cmd: ['sh', '-c', 'echo planted > /data/x/planted'],
          HostConfig: {
            Runtime,
            Binds: [`place-${Runtime}:/data`, `inner-${Runtime}:/data/x`, `deep-${Runtime}:/data/x/y`],
          },
        });
        expect(said).toBeString();
        expect(readdirSync(outside)).toEqual(['canary']);
      }
    },
  );

  test('row 15: steers nothing by the labels of an image', async () => {
    const labels = [
      'silo.health-on-failure=restart',
      'silo=privileged',
      'io.silo.privileged=true',
      'io.silo.engine-owned=1',
      'io.containerd.image.config.stop-signal=KILL',
      'containerd.io/restart.loguri=binary:///bin/sh?x=-c&y=id',
      'com.docker.compose.project=../../etc',
      'io.kubernetes.cri.sandbox-id=x',
      'org.opencontainers.image.ref.name=busybox:latest',
      'io.podman.annotations.privileged=TRUE',
    ];
    await imageOf('plain', [], () => undefined);
    await imageOf(
      'labelled',
      labels.map((label) => `LABEL ${label}`),
      () => undefined,
    );
    const described = async (name: string): Promise<unknown> => {
      await launch(engine, name, { Image: `${name}:1`, Cmd: ['sleep', '600'] });
      const { HostConfig, Config, Mounts } = (await inspect(engine, name)) as unknown as Record<
        string,
        Record<string, unknown>
      >;
      const { Labels: _labels, Hostname: _host, Image: _image, ...config } = Config ?? {};
      const status = readFileSync(`/proc/${(await inspect(engine, name)).State.Pid}/status`, 'utf8');
      const walls = status.match(/^(Cap|Seccomp|NoNewPrivs|Uid|Gid).*$/gm) ?? [];
      // Which ids of the host a run gets is chance.
      const ids = (line: string): string => (/^[UG]id/.test(line) ? line.replace(/\d{6,}/g, 'own') : line);
      return { HostConfig, config, Mounts, walls: walls.map(ids) };
    };
    expect(await described('labelled')).toEqual(await described('plain'));
  });

  test('rows 18 to 22: finds no checkpoints and no plugins to abuse', async () => {
    const id = await launch(engine, 'subject', { Cmd: ['sleep', '600'] });
    const checkpoint = await engine.api('POST', `/containers/${id}/checkpoints`, { CheckpointID: '../../x' });
    expect(checkpoint.status).toBeGreaterThanOrEqual(400);
    expect((await engine.api('POST', `/containers/${id}/start?checkpoint=x`)).status).toBeGreaterThanOrEqual(
      400,
    );
    expect((await engine.api('POST', '/plugins/pull?remote=x/y', [])).status).toBeGreaterThanOrEqual(400);
    const daemon = await run(siloCommand('daemon', '--authorization-plugin', 'x'));
    expect([daemon.code === 0, daemon.stderr]).toEqual([false, expect.stringContaining('unknown flag')]);
  });

  test('row 28: has nothing run by `top`, and no line written into user files by HOME', async () => {
    await imageOf('traps', [], (root) => {
      for (const name of ['bin/ps', 'bin/nsenter', 'usr/bin/ps', 'usr/bin/nsenter', 'bin/top']) {
        mkdirSync(join(root, dirname(name)), { recursive: true });
        writeFileSync(join(root, name), '#!/bin/sh\necho > /trapped\n', { mode: 0o755 });
      }
      mkdirSync(join(root, 'etc'));
      writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
    });
    const Env = ['HOME=/x\nmallory:x:0:0::/:/bin/sh', 'PS_FORMAT=pid'];
    await launch(engine, 'subject', { Image: 'traps:1', Cmd: ['sleep', '600'], Env, User: '1234' });
    for (const words of ['', '?ps_args=-ef', `?ps_args=${encodeURIComponent('-o pid; touch /trapped')}`])
      await engine.api('GET', `/containers/subject/top${words}`);
    expect((await engine.silo('exec', '-u', '0', 'subject', 'cat', '/etc/passwd')).stdout).toBe(
      'root:x:0:0::/:/bin/sh\n',
    );
    expect((await engine.silo('exec', 'subject', 'ls', '/trapped')).code).not.toBe(0);
  });
});

/** Whether this kernel runs a 32-bit program at all. */
function runs32Bits(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'silo-ia32-'));
  try {
    const file = join(folder, 'getpid');
    writeFileSync(file, elfOf({ name: 'getpid', number: 20 }, 32), { mode: 0o755 });
    return spawnSync(file).status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function verdicts(output: string): Map<string, 'yes' | number> {
  const lines = output.trim().split('\n');
  return new Map(
    lines.map((line) => {
      const [name = '', verdict = '', why = ''] = line.split(' ');
      return [name, verdict === 'yes' ? 'yes' : Number(why)];
    }),
  );
}

function expectWalls(level: Level, outcome: ReadonlyMap<string, 'yes' | number>): void {
  expect([...outcome.keys()]).toEqual(escapes.map(({ probe }) => probe).toSorted());
  const surprises = escapes.flatMap(({ probe, through }) => {
    const result = outcome.get(probe) ?? -1;
    const expected = through.includes(level);
    if ((result === 'yes') === expected) return [];
    return expected && missing.has(Number(result)) ? [] : [`${probe}: ${result}`];
  });
  expect(surprises).toEqual([]);
  // What is refused is refused by a wall, not by a mistake of the kit.
  const walls = [EPERM, EACCES, EROFS, ESRCH, ECONNREFUSED, ...missing];
  expect([...outcome].filter(([, result]) => typeof result === 'number' && !walls.includes(result))).toEqual(
    [],
  );
}
