import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReachJson, SecurityReportJson } from '../../src/foundation/wire/silo/security.ts';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { importServices, missingPrograms, servicesImage } from '../compose/services-image.ts';
import { eventually } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, create, launch, logs, remove, runOnce } from '../e2e/objects.ts';
import { importBusyboxInit, importSystemd, missingSystemd } from './system-images.ts';
import { tryCalls } from './try-calls.ts';

const reason = skipReason ?? missingPrograms;
if (reason) console.log(`skipped: security presets: ${reason}`);

interface Security {
  HostConfig: {
    CapAdd: string[] | null;
    CapDrop: string[] | null;
    SecurityOpt: string[] | null;
    ReadonlyRootfs: boolean;
    Tmpfs?: Record<string, string>;
    MaskedPaths: string[];
    CgroupnsMode: string;
  };
}

describe.skipIf(reason !== undefined)('a security preset', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await importServices(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    const all = await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1');
    for (const { Id } of all) await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
  });

  /** Runs a program of the image to its end. */
  const inside = (words: string[], host: Record<string, unknown> = {}) =>
    runOnce(engine, 'inside', { Image: servicesImage, Entrypoint: words, HostConfig: host });
  const shell = async (command: string, host: Record<string, unknown> = {}): Promise<string> =>
    (await inside(['sh', '-c', command], host)).output;
  const preset = (name: string, ...more: string[]) => ({ SecurityOpt: [`silo=${name}`, ...more] });
  const inspected = (name: string) => ask<Security>(engine, 'GET', `/containers/${name}/json`);
  const status = 'grep -E "^(CapBnd|NoNewPrivs|Seccomp):" /proc/self/status';

  test('hardened: seven capabilities, no new privileges, foreign processes and kernel interfaces out of sight', async () => {
    const output = await shell(
      `${status}; grep " /proc proc" /proc/self/mounts; cat /proc/kallsyms /proc/iomem; ls /sys/kernel/btf; true`,
      preset('hardened'),
    );
    expect(output.split('\n')).toEqual([
      'CapBnd:\t00000000000004eb',
      'NoNewPrivs:\t1',
      'Seccomp:\t2',
      expect.stringMatching(/^proc \/proc proc rw,nosuid,nodev,noexec,relatime,hidepid=invisible/),
      '',
    ]);
  });

  test('restricted: nothing at all, a read-only root, and the usual places to write to', async () => {
    const output = await shell(
      `${status}; for place in / /etc /tmp /run /var/tmp; do echo x >$place/x && echo $place; done 2>/dev/null`,
      preset('restricted'),
    );
    expect(output).toBe('CapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n/tmp\n/run\n/var/tmp\n');
  });

  test('is a starting point: what is asked for beside it wins, and inspect shows what came out', async () => {
    const options = ['run', '-d', '--name', 'refined', '--entrypoint', 'sleep'];
    const refined = ['--security', 'restricted', '--cap-add', 'net_bind_service', '--tmpfs', '/run:size=1m'];
    const words = ['--security-opt', 'no-new-privileges=false', '--security-opt', 'seccomp=builtin'];
    expect(await engine.silo(...options, ...refined, ...words, servicesImage, '1000')).toMatchObject({
      code: 0,
    });
    const { HostConfig } = await inspected('refined');
    expect(HostConfig).toMatchObject({
      CapAdd: ['CAP_NET_BIND_SERVICE'],
      CapDrop: ['ALL'],
      ReadonlyRootfs: true,
      Tmpfs: { '/run': 'size=1m', '/tmp': 'mode=1777', '/var/tmp': 'mode=1777' },
      SecurityOpt: [
        'no-new-privileges',
        'seccomp=hardened',
        'proc-opts=hidepid=invisible',
        'silo=restricted',
        'no-new-privileges=false',
        'seccomp=builtin',
      ],
    });
    expect(HostConfig.MaskedPaths).toContain('/proc/kallsyms');
    const told = await engine.silo('exec', 'refined', 'sh', '-c', status);
    expect(told.stdout).toBe('CapBnd:\t0000000000000400\nNoNewPrivs:\t0\nSeccomp:\t2\n');
  });

  test('hardened keeps a capability that is asked for, and drops what else is told', async () => {
    const host = { ...preset('hardened'), CapAdd: ['NET_RAW'], CapDrop: ['CHOWN'] };
    await create(engine, 'mixed', { Image: servicesImage, HostConfig: host });
    expect((await inspected('mixed')).HostConfig.CapDrop).not.toContain('CAP_NET_RAW');
    expect(await shell(status, host)).toStartWith('CapBnd:\t00000000000024ea\n');
  });

  test.each([
    ['silo=hardend', 400, 'unknown security preset \\"hardend\\"; did you mean hardened?'],
    ['silo=', 400, 'unknown security preset'],
    ['proc-opts=subset=pid', 400, 'invalid --security-opt 2: \\"proc-opts=subset=pid\\"'],
    ['proc-opts=', 400, 'invalid --security-opt 2'],
    ['writable-cgroups=maybe', 400, 'invalid --security-opt 2'],
    ['seccomp', 400, 'invalid'],
    ['nonsense', 400, 'invalid --security-opt 1: \\"nonsense\\"'],
    ['nonsense=1', 400, 'invalid --security-opt 2: \\"nonsense=1\\"'],
    ['systempaths=confined', 400, 'invalid --security-opt 2'],
  ])('the word %s is refused', async (word, code, text) => {
    const body = { Image: servicesImage, HostConfig: { SecurityOpt: [word] } };
    const answer = await engine.api('POST', '/containers/create', body);
    expect([answer.status, answer.text]).toEqual([code, expect.stringContaining(text)]);
  });

  test.each([
    ['hardened', { Privileged: true }, 'a privileged container has no security preset'],
    ['system', { PidMode: 'host' }, 'a pid namespace of its own'],
    ['system', { CgroupnsMode: 'host' }, 'a control group namespace of its own'],
    ['system', { Init: true }, 'the init of the image'],
  ])('%s contradicts %p', async (name, host, text) => {
    const body = { Image: servicesImage, HostConfig: { ...preset(name), ...host } };
    const answer = await engine.api('POST', '/containers/create', body);
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(text)]);
  });

  test('system calls that servers do not make: none from default that lead to the kernel, fewer from hardened', async () => {
    const names = [
      'keyctl',
      'io_uring',
      'userfaultfd',
      'bpf',
      'perf',
      'vsock',
      'alg',
      'unshare-user',
      'clone-user',
      'ptrace',
      'packet',
      'can',
      'unix',
      'inet',
    ];
    const results = async (host: Record<string, unknown>): Promise<string[]> => {
      const { output } = await inside(['python3', '-c', tryCalls, ...names], host);
      return output
        .trim()
        .split('\n')
        .filter((line) => line.endsWith(' ok'))
        .map((line) => line.replace(' ok', ''));
    };
    const plain = await results({});
    expect(plain.filter((name) => name !== 'can')).toEqual(['ptrace', 'packet', 'unix', 'inet']);
    expect(await results(preset('hardened'))).toEqual(['unix', 'inet']);
    const administrator = { ...preset('hardened'), CapAdd: ['SYS_ADMIN', 'SYS_PTRACE'] };
    expect(await results(administrator)).toEqual(['ptrace', 'unix', 'inet']);
  });

  test.each(['hardened', 'restricted'])('Redis, Python and BusyBox serve under %s', async (name) => {
    const places = name === 'restricted' ? '/tmp' : '/data';
    const serve = (service: string, words: string[]): Promise<string> =>
      launch(engine, service, { Image: servicesImage, Entrypoint: words, HostConfig: preset(name) });
    // As entry points do it: make the folder the user's, become the user, run.
    const become = `import os; os.chown('${places}', 999, 999); os.setgroups([]); os.setgid(999); os.setuid(999)`;
    const run = `os.execvp('redis-server', ['redis-server', '--dir', '${places}', '--save', ''])`;
    const asItIs = ['redis-server', '--dir', places, '--save', ''];
    await Promise.all([
      serve('redis', name === 'restricted' ? asItIs : ['python3', '-c', `${become}; ${run}`]),
      serve('python', ['python3', '-m', 'http.server', '8000', '--directory', '/app']),
      serve('busybox', ['busybox', 'httpd', '-f', '-p', '80', '-h', '/etc']),
    ]);
    const answer = async (service: string, command: string): Promise<string> => {
      const patient = `for i in $(busybox seq 600); do ${command} 2>/dev/null && break; sleep 0.1; done`;
      return (await engine.silo('exec', service, 'sh', '-c', patient)).stdout;
    };
    const answers = await Promise.all([
      answer('redis', 'redis-cli set key value'),
      answer('python', 'busybox wget -qO- http://127.0.0.1:8000/'),
      answer('busybox', 'busybox wget -qO- http://127.0.0.1/passwd'),
    ]);
    expect(answers).toEqual([
      'OK\n',
      expect.stringContaining('service.py'),
      expect.stringContaining('root:x:0:0'),
    ]);
  });

  test('hardened lets a root process signal the workers that became another user', async () => {
    const program = `import os, signal
ready, tell = os.pipe()
child = os.fork()
if child == 0:
    os.setuid(999); os.write(tell, b'x'); signal.pause()
os.read(ready, 1); os.kill(child, signal.SIGTERM); print(os.waitpid(child, 0)[1])`;
    expect(await inside(['python3', '-c', program], preset('hardened'))).toEqual({ code: 0, output: '15\n' });
  });

  test('system: BusyBox as init, with ids of its own, runs its services, divides its control group, and is switched off in order', async () => {
    await importBusyboxInit(engine);
    const host = { ...preset('system'), UsernsMode: 'auto' };
    await launch(engine, 'machine', { Image: 'busybox-init', HostConfig: host });
    expect((await inspected('machine')).HostConfig).toMatchObject({
      CgroupnsMode: 'private',
      CapAdd: ['CAP_SYS_BOOT'],
      Tmpfs: { '/run': 'exec,mode=755', '/run/lock': 'mode=1777', '/tmp': 'exec,mode=1777' },
    });
    const said = (command: string) => engine.silo('exec', 'machine', 'sh', '-c', command);
    expect(await eventually(async () => (await said('wget -qO- http://127.0.0.1/passwd')).code === 0)).toBe(
      true,
    );
    const groups = '/sys/fs/cgroup/systemd';
    const own = `[ -d ${groups} ] && cd ${groups} || cd /sys/fs/cgroup; mkdir part && echo 1 >part/cgroup.procs && grep -c . part/cgroup.procs`;
    expect((await said(own)).stdout).toBe('1\n');
    expect((await said('mkdir /sys/fs/cgroup/memory/part 2>&1')).code).not.toBe(0);
    expect(await engine.silo('stop', '--timeout', '60', 'machine')).toMatchObject({ code: 0 });
    const output = await logs(engine, 'machine');
    expect(output).toContain('begun');
    expect(output).toContain('ended');
    // reboot(2) in a pid namespace: its init dies of SIGINT.
    expect(
      (await ask<{ State: { ExitCode: number } }>(engine, 'GET', '/containers/machine/json')).State.ExitCode,
    ).toBe(130);
  });

  if (missingSystemd) console.log(`skipped: systemd under the preset system: ${missingSystemd}`);
  test.skipIf(missingSystemd !== undefined)(
    'system: systemd comes up, runs a service, and stops',
    async () => {
      await importSystemd(engine);
      await launch(engine, 'machine', { Image: 'systemd', HostConfig: preset('system') });
      const said = (...words: string[]) => engine.silo('exec', 'machine', ...words);
      expect(
        await eventually(async () => (await said('systemctl', 'is-active', 'web.service')).code === 0),
      ).toBe(true);
      expect((await said('cat', '/proc/self/status')).stdout).toContain('CapBnd:\t00000000a84425fb');
      expect(await engine.silo('stop', '--timeout', '60', 'machine')).toMatchObject({ code: 0 });
      const kills = await engine.silo(
        'events',
        '--filter',
        'event=kill',
        '--since',
        '10m',
        '--until',
        '0s',
        '--format',
        '{{.Actor.Attributes.signal}}',
      );
      expect(kills.stdout.trim().split('\n').at(-1)).toBe('37');
    },
  );

  test('doctor --security and inspect --security tell what is wrong with an open container, and what it can reach', async () => {
    const sleep = { Image: servicesImage, Entrypoint: ['sleep', '1000'] };
    const socket = `${engine.socket}:/var/run/docker.sock`;
    const made = await engine.api('POST', '/containers/create?name=open', {
      ...sleep,
      HostConfig: { Binds: [socket, '/etc:/host:ro'], PidMode: 'host', CapAdd: ['SYS_PTRACE'] },
    });
    const { Warnings } = JSON.parse(made.text) as { Warnings: string[] };
    expect(Warnings).toContainEqual(
      expect.stringContaining(`container engine is mounted (${engine.socket})`),
    );
    await ask(engine, 'POST', '/containers/open/start');
    await launch(engine, 'tight', {
      ...sleep,
      HostConfig: { ...preset('restricted'), Memory: 64 << 20, PidsLimit: 64 },
    });

    const told = await engine.silo('doctor', '--security', '--format', 'json');
    expect(told.code).toBe(1);
    const { Findings } = JSON.parse(told.stdout) as SecurityReportJson;
    const of = (id: string) => Findings.find((finding) => finding.Id === id);
    expect(of('5.32')).toMatchObject({ Status: 'fail', Containers: ['open'] });
    expect(of('5.16')).toMatchObject({ Status: 'fail', Containers: ['open'] });
    expect(of('5.6')).toMatchObject({ Status: 'warn', Containers: ['open'] });
    expect(of('5.4')).toMatchObject({ Status: 'warn', Containers: ['open'] });
    expect(of('5.11')).toMatchObject({ Status: 'warn', Containers: ['open'] });
    expect(of('5.22')).toMatchObject({ Status: 'pass', Containers: [] });
    expect(of('2.7')).toMatchObject({ Status: 'pass' });
    expect(of('3.16')).toMatchObject({ Status: 'pass', Why: [expect.stringContaining(engine.socket)] });
    const text = await engine.silo('doctor', '--security');
    expect([text.code, text.stdout]).toEqual([
      1,
      expect.stringMatching(/fail +5\.32[\s\S]*items are as they should be: /),
    ]);

    const open = await engine.silo('inspect', '--security', 'open');
    expect(open.stdout).toContain('Reads /etc (at /host).');
    expect(open.stdout).toContain("A request to the mounted engine's socket.");
    expect(open.stdout).toContain('CAP_SYS_PTRACE');
    const tight = JSON.parse(
      (await engine.silo('inspect', '--security', '--format', 'json', 'tight')).stdout,
    ) as ReachJson;
    expect(tight).toMatchObject({ Preset: 'restricted', Running: true });
    expect(tight.Areas.find(({ Area }) => Area === 'capabilities')).toMatchObject({ Level: 'own' });
    expect(tight.Areas.find(({ Area }) => Area === 'files')?.Words).toContain(
      'Its own root file system is read-only.',
    );
    const missing = await engine.silo('inspect', '--security', 'nosuch');
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('No such container: nosuch')]);
  });

  test('a malformed seccomp profile is refused with the reason, a sound one holds, and the engine stays', async () => {
    const withProfile = (profile: unknown) => ({ SecurityOpt: [`seccomp=${JSON.stringify(profile)}`] });
    const allowed = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat', 'nosuchcall'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
    };
    expect(await shell('busybox mkdir /tmp/x', withProfile(allowed))).toContain('No space left');
    for (const [profile, text] of [
      [{}, 'Decoding seccomp profile failed: \\"defaultAction\\" is missing'],
      [
        { ...allowed, syscalls: [{ names: ['x'], action: 'nope' }] },
        '\\"action\\" of syscalls[0] is \\"nope\\"',
      ],
      [{ ...allowed, architectures: ['SCMP_ARCH_VAX'] }, 'SCMP_ARCH_VAX'],
    ] as const) {
      await create(engine, 'wrong', { Image: servicesImage, HostConfig: withProfile(profile) });
      const answer = await engine.api('POST', '/containers/wrong/start');
      expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(text)]);
      await remove(engine, 'wrong');
    }
    const missing = await engine.silo('run', '--security-opt', 'seccomp=/no/such/file', servicesImage);
    expect(missing.stderr).toContain('opening seccomp profile (/no/such/file) failed');
    expect((await engine.api('GET', '/_ping')).status).toBe(200);
  });

  test('an engine gives a preset to containers that name none, tells it, and builds as ever', async () => {
    const refused = await engine.silo('daemon', '--security', 'system');
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('security must be "default", "hardened" or "restricted"'),
    ]);
    await engine.stop();
    await engine.start({ args: ['--security', 'hardened'] });
    expect((await engine.silo('info', '-f', '{{.SecurityOptions}}')).stdout).toContain(
      'name=silo,profile=hardened',
    );
    const [walled, open] = ['CapBnd:\t00000000000004eb\n', 'CapBnd:\t00000000a80425fb\n'];
    expect(await shell(status)).toStartWith(walled);
    expect(await shell(status, preset('default'))).toStartWith(open);
    expect(await shell(status, { Privileged: true })).not.toContain('04eb');
    await create(engine, 'shown', { Image: servicesImage });
    expect((await inspected('shown')).HostConfig.SecurityOpt).toContain('silo=hardened');
    const context = join(engine.directory, 'context');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), `FROM ${servicesImage}\nRUN grep CapBnd /proc/self/status\n`);
    const built = await engine.silo('build', '--progress', 'plain', context);
    expect(built.stdout + built.stderr).toContain('00000000a80425fb');
    await engine.stop();
    await engine.start();
  });

  test('an engine has a default profile of its own, which a container may leave', async () => {
    const file = join(engine.directory, 'profile.json');
    writeFileSync(
      file,
      JSON.stringify({
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
      }),
    );
    await engine.stop();
    await engine.start({ args: ['--seccomp-profile', file] });
    expect((await engine.silo('info', '-f', '{{.SecurityOptions}}')).stdout).toContain(
      `name=seccomp,profile=${file}`,
    );
    expect(await shell('busybox mkdir /tmp/x')).toContain('No space left');
    expect(await shell('busybox mkdir /tmp/x && echo made', { SecurityOpt: ['seccomp=builtin'] })).toBe(
      'made\n',
    );
    expect(await shell('busybox mkdir /tmp/x && echo made', preset('hardened'))).toBe('made\n');
    await engine.stop();
    writeFileSync(file, '{"defaultAction":"nope"}');
    const refused = await engine.start({ args: ['--seccomp-profile', file] }).catch(String);
    expect(refused).toContain('is "nope"; known are');
    await engine.died();
    await engine.start();
  });
});
