import { describe, expect, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { knownFaultPoints } from '../crash/fault-points.ts';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';
import { contextOf, type Files, postBuild, useEngine } from './harness.ts';

if (skipReason) console.log(`skipped: RUN with mounts: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('RUN with mounts', () => {
  let engine: TestEngine;
  useEngine((started) => (engine = started));

  /** What a build printed, as text. */
  async function post(
    dockerfile: string,
    {
      files,
      on = engine,
      ...options
    }: { query?: string; files?: Files; signal?: AbortSignal; on?: TestEngine } = {},
  ): Promise<string> {
    return (await postBuild(on, contextOf({ Dockerfile: dockerfile, ...files }), options)).text;
  }
  const said = async (image: string, command: string): Promise<string> => {
    const result = await engine.silo('run', '--rm', '--network=none', image, 'sh', '-c', command);
    expect(result).toMatchObject({ code: 0 });
    return result.stdout;
  };
  const layersOf = async (image: string): Promise<string[]> =>
    (await ask<{ RootFS: { Layers: string[] } }>(engine, 'GET', `/images/${image}/json`)).RootFS.Layers;
  const cacheFolder = () => join(engine.dataRoot, 'build-caches');
  const cachesThere = (): string[] => readdirSync(cacheFolder()).filter((name) => name !== 'removed');

  /** A RUN told so in its cache. */
  const hasBegun = (): boolean =>
    cachesThere().some((name) => existsSync(join(cacheFolder(), name, '_data', 'begun')));

  test('binds show what they name and nothing else, and what is written or made for them is in no layer', async () => {
    const output = await post(
      `FROM busybox AS one
RUN mkdir -p /data/in && echo stage > /data/in/file && ln -s in/file /data/link
FROM busybox
RUN --mount=type=bind,source=sub,target=/srv/ctx \
    --mount=from=one,source=/data,target=/opt/stage/data \
    --mount=type=bind,from=one,source=/data/link,target=/opt/file,rw \
    --mount=type=bind,source=top[1].txt,target=top \
    --mount=type=bind,from=busybox,source=/bin,target=/mnt \
    find /srv /opt | sort; cat /opt/file /opt/stage/data/link /top; \
    echo written >> /opt/file && tail -n 1 /opt/file; touch /srv/ctx/x 2>/dev/null || echo read-only; test -x /mnt/sh && echo image
RUN --mount=type=bind,target=/src test -e /src/Dockerfile
`,
      { query: 't=binds', files: { 'sub/a': 'a', 'top[1].txt': 'top\n', 'other/b': 'b' } },
    );
    expect(output).toContain(
      `/opt\n/opt/file\n/opt/stage\n/opt/stage/data\n/opt/stage/data/in\n/opt/stage/data/in/file\n/opt/stage/data/link\n/srv\n/srv/ctx\n/srv/ctx/a\nstage\nstage\ntop\nwritten\nread-only\nimage\n`,
    );
    expect(output).toContain('Successfully built');
    expect(await said('binds', 'ls -d /srv /opt /top 2>/dev/null; true')).toBe('');
    expect(await layersOf('binds')).toEqual(await layersOf('busybox'));
  }, 60_000);

  test('a step runs again when what it has mounted changed, and only then', async () => {
    const file = 'FROM busybox\nRUN --mount=source=sub,target=/s cat /s/a\n';
    expect(await post(file, { files: { 'sub/a': '1', other: 'x' } })).not.toContain('Using cache');
    expect(await post(file, { files: { 'sub/a': '1', other: 'y' } })).toContain('Using cache');
    expect(await post(file, { files: { 'sub/a': '2', other: 'y' } })).not.toContain('Using cache');
    expect(await post('FROM busybox\nRUN --mount=source=nowhere,target=/s true\n')).toContain(
      'RUN failed: file not found in build context or excluded by .dockerignore: stat nowhere: file does not exist',
    );
    const said = await post('FROM busybox\nRUN --mount=from=busybox,source=/no/where,target=/s true\n');
    expect(said).toContain('RUN failed: stat /no/where: file does not exist');
    expect(said).not.toContain(engine.directory);
  }, 60_000);

  test('a cache outlives the build and the engine, one for each id, seeded where that is asked for', async () => {
    const file = `FROM busybox AS seed
RUN mkdir -p /s/deep && echo seeded > /s/deep/file && chown -R 3:4 /s
FROM busybox
RUN --mount=type=cache,id=../../../../escape,target=/root/.cache/tool,mode=0711,uid=5,gid=6 \
    --mount=type=cache,from=seed,source=/s,target=/seeded \
    echo run >> /root/.cache/tool/log; echo lines $(wc -l < /root/.cache/tool/log); stat -c '%a %u %g' /root/.cache/tool; \
    cat /seeded/deep/file && stat -c '%u:%g' /seeded/deep/file && echo changed > /seeded/deep/file
RUN --mount=type=cache,id=../../../../escape,target=/c,uid=5,gid=6,mode=0711,ro wc -l < /c/log; touch /c/x || echo read-only
RUN find /root; ls /seeded || true
`;
    const first = await post(file, { query: 'nocache=1' });
    expect(first).toContain('lines 1\n711 5 6\nseeded\n3:4\n');
    expect(first).toContain('touch: /c/x: Read-only file system\n');
    expect(first).toMatch(/^read-only$/m);
    expect(first).toMatch(/RUN find[^]*?Running in \w+\n\/root\nls: /);
    await engine.kill();
    await engine.start();
    const second = await post(file.replace('cat /seeded', 'true && cat /seeded'));
    expect(second).toContain('lines 2\n711 5 6\nchanged\n');
    expect(cachesThere()).toHaveLength(2);
    expect(existsSync(join(engine.directory, 'escape'))).toBeFalse();
  }, 60_000);

  test('builds that lock a cache take turns; those that share it are there together', async () => {
    const locked = `FROM busybox\nRUN --mount=type=cache,id=lock,sharing=locked,target=/c \
      set -e; test ! -e /c/busy; touch /c/busy; sleep 0.2; rm /c/busy; echo turn >> /c/log; wc -l < /c/log\n`;
    const all = await Promise.all([1, 2, 3].map(() => post(locked, { query: 'nocache=1' })));
    expect(new Set(all.map((text) => /(\d)\n ---> /.exec(text)?.[1]))).toEqual(new Set(['1', '2', '3']));
    const meet = (own: string, other: string): string =>
      `FROM busybox\nRUN --mount=type=cache,id=meet,target=/c touch /c/${own}; until test -e /c/${other}; do sleep 0.05; done; echo met\n`;
    for (const text of await Promise.all([post(meet('a', 'b')), post(meet('b', 'a'))]))
      expect(text).toContain('met\n');
  }, 60_000);

  test('tmpfs is bounded, may hold programs, and leaves nothing; sizes that no machine has are refused', async () => {
    const output = await post(
      `FROM busybox\nRUN --mount=type=tmpfs,target=/var/t,size=1m cp /bin/busybox /var/t/sh; df -k /var/t | tail -n 1; rm /var/t/sh; printf '#!/bin/sh\\necho ran\\n' > /var/t/p; chmod +x /var/t/p; /var/t/p\nRUN ls /var/t\n`,
    );
    expect(output).toMatch(/ENOSPC|No space left/);
    expect(output).toContain('ran\n');
    expect(output).toContain('ls: /var/t: No such file or directory');
    expect(await post('FROM busybox\nRUN --mount=type=tmpfs,target=/t,size=999999999999t true\n')).toMatch(
      /invalid size/,
    );
  }, 60_000);

  test('here-documents run by the program that they name', async () => {
    const output = await post(
      `FROM busybox\nRUN <<AWK\n#!/bin/sh -e\necho "$0 $(stat -c %a $0)"; rm $0 2>/dev/null || echo kept\nAWK\nRUN <<"../up"\n#!/bin/cat\nthe text $HOME\n../up\nSHELL ["/bin/sh", "-c", "echo by shell: $0"]\nRUN <<A\necho words\nA\nRUN ["echo", "exec $HOME"]\n`,
    );
    expect(output).toContain('/dev/pipes/AWK 755\nkept\n');
    expect(output).toContain('#!/bin/cat\nthe text $HOME\n');
    expect(output).toContain('by shell: echo words\n');
    expect(output).toContain('exec $HOME\n');
  }, 60_000);

  test('a mount point that is swapped for a link makes the engine touch nothing of the host', async () => {
    const victim = mkdtempSync(join(tmpdir(), 'silo-victim-'));
    try {
      mkdirSync(join(victim, 'deep'));
      writeFileSync(join(victim, 'deep', 'empty'), '');
      const output = await post(
        `FROM busybox\nRUN --mount=type=cache,target=/stub/deep --mount=type=tmpfs,target=/stub/empty mv /stub /moved && ln -s ${victim} /stub && mkdir /kept\nRUN ls -d /moved/* /kept; readlink /stub; rm /stub\n`,
        { query: 't=swapped' },
      );
      expect(output).toContain(`/kept\n/moved/deep\n/moved/empty\n${victim}\n`);
      const led = await post(
        `FROM busybox AS way\nRUN ln -s ${victim} /way && ln -s ../../../../../..${victim}/deep /up && mkdir -p ${victim}/own\nFROM way\nRUN --mount=type=cache,target=/way/new --mount=type=tmpfs,target=/way/tmp --mount=from=way,source=/way,target=/seen find ${victim} /seen/ | sort\nRUN --mount=from=way,source=/up,target=/seen find /seen\n`,
      );
      expect(led).toContain(`/seen/\n/seen/own\n${victim}\n${victim}/new\n${victim}/own\n${victim}/tmp\n`);
      expect(led).toContain('RUN --mount: "/up": not found');
      expect(readdirSync(victim)).toEqual(['deep']);
      expect(readdirSync(join(victim, 'deep'))).toEqual(['empty']);
    } finally {
      rmSync(victim, { recursive: true, force: true });
    }
  }, 60_000);

  test('links in a cache lead nowhere, also while another RUN swaps them', async () => {
    const swapping = post(
      `FROM busybox\nRUN --mount=type=cache,id=evil,target=/c mkdir -p /c/real && echo inside > /c/real/hostname; touch /c/ready; for i in $(seq 400); do ln -sfn /etc /c/sub; ln -sfn ../../../../../../etc /c/sub; ln -sfn real /c/sub; done\n`,
      { query: 'nocache=1' },
    );
    const looks: string[] = [];
    for (let round = 0; round < 3; round++)
      looks.push(
        await post(
          `FROM busybox\nRUN --mount=type=cache,id=evil,target=/c until test -L /c/sub; do sleep 0.02; done\nRUN --mount=type=cache,id=evil,source=/sub,target=/x cat /x/hostname; ls /x\n`,
          { query: 'nocache=1' },
        ),
      );
    await swapping;
    const host = readFileSync('/etc/hostname', 'utf8').trim();
    for (const text of looks) {
      expect(text).toMatch(/inside\nhostname\n|"\/sub": not found/);
      expect(text).not.toContain(`${host}\n`);
      expect(text).not.toContain('passwd');
    }
  }, 60_000);

  test('a client that leaves gives back what its RUN had', async () => {
    const leaving = new AbortController();
    const build = post(
      `FROM busybox\nRUN --mount=type=cache,id=left,sharing=locked,target=/c --mount=type=tmpfs,target=/t touch /c/begun; sleep 1000\n`,
      { signal: leaving.signal },
    ).catch(() => 'left');
    await eventually(hasBegun, 30_000);
    leaving.abort();
    expect(await build).toBe('left');
    const next = `FROM busybox\nRUN --mount=type=cache,id=left,sharing=locked,target=/c ls /c; rm /c/begun\n`;
    expect(await post(next)).toContain('begun\n');
    expect(await findLeftovers(engine)).toEqual([]);
  }, 60_000);

  test('secrets and agents of the client reach the step that wants them, and nothing that stays', async () => {
    const value = `hush-${randomBytes(12).toString('hex')}`;
    const folder = join(engine.directory, 'secrets');
    mkdirSync(folder);
    const dockerfile = join(folder, 'Dockerfile');
    const at = (name: string): string => join(engine.directory, name);
    writeFileSync(
      dockerfile,
      `FROM busybox
ARG API_TOKEN
RUN --mount=type=secret,id=key --mount=type=secret,id=key,env=KEY,target=/deep/key,mode=0444,uid=9 \
    --mount=type=secret,id=absent echo length \${#KEY} $(wc -c < /run/secrets/key) $(stat -c '%a %u' /run/secrets/key /deep/key); \
    grep /run/secrets/key /proc/mounts | cut -d' ' -f3; ls /run/secrets; echo $KEY | tr a-z b-za > /derived
RUN --mount=type=ssh,mode=0666 test -S $SSH_AUTH_SOCK && stat -c '%a' $SSH_AUTH_SOCK
RUN test ! -e /run/secrets && test ! -e /deep && test ! -e /run/buildkit && test -z "$KEY$SSH_AUTH_SOCK" && echo gone
`,
    );
    writeFileSync(at('value'), value);
    const agent = createServer();
    await new Promise<void>((done) => agent.listen(at('agent'), done));
    const words = [
      '--progress',
      'plain',
      '--secret',
      `id=key,src=${at('value')}`,
      '--ssh',
      `default=${at('agent')}`,
    ];
    const built = await engine.silo('build', ...words, '-t', 'secrets', folder);
    const output = built.stdout + built.stderr;
    expect(output).toContain(`length ${value.length} ${value.length} 400 0 444 9`);
    expect(output).toMatch(/tmpfs[^]*key[^]*666[^]*gone/);
    expect(output).toContain(
      'Do not use ARG or ENV instructions for sensitive data (ARG "API_TOKEN") (line 2)',
    );
    expect(built.code).toBe(0);
    writeFileSync(at('value'), `${value}-other`);
    const again = await engine.silo('build', ...words, folder);
    expect(again.stdout + again.stderr).toMatch(/CACHED|Using cache/i);
    const failing = 'FROM busybox\nRUN --mount=type=secret,id=key,env=KEY,required exit 3\n';
    writeFileSync(dockerfile, failing);
    const failed = await engine.silo('build', ...words, folder);
    expect(failed.code).not.toBe(0);
    const without = await engine.silo('build', folder);
    expect(without.stderr).toContain('secret key: not found');
    agent.close();
    const { stdout: history } = await engine.silo('history', '--no-trunc', 'secrets');
    const places = [engine.dataRoot, join(engine.directory, 'exec')];
    const { code, stdout } = await run(['grep', '-rlaF', value, ...places]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    for (const text of [output, failed.stderr + failed.stdout, history, engine.log()])
      expect(text).not.toContain(value);
    expect(await said('secrets', 'cat /derived')).not.toContain(value);
    expect(await findLeftovers(engine)).toEqual([]);
  }, 60_000);

  test('steps have the limits of the request, may take so long, and need leave for more than a sandbox', async () => {
    const file = `FROM busybox
RUN cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes; ulimit -n; df -k /dev/shm | tail -n 1; grep special /etc/hosts; grep -c . /proc/net/dev
RUN --network=none ls /sys/class/net
`;
    const query = new URLSearchParams({
      memory: '67108864',
      shmsize: '1048576',
      ulimits: '[{"Name":"nofile","Soft":111,"Hard":222}]',
      extrahosts: 'special:10.1.2.3',
      rm: '0',
    });
    const output = await post(file, { query: query.toString() });
    expect(output).toContain('67108864\n');
    expect(output).toMatch(/^111$/m);
    expect(output).toMatch(/^shm +1024 /m);
    expect(output).toMatch(/^10\.1\.2\.3\s+special$/m);
    expect(output).toContain('\nlo\n ---> ');
    expect(await post(file, { query: 'memory=1000' })).toContain('Minimum memory limit allowed is 6MB');
    expect(await post(file, { query: 'isolation=hyperv' })).toContain('unsupported isolation: "hyperv"');
    const slow = await post('FROM busybox\nRUN sleep 1000\n', { query: 'steptimeout=1500' });
    expect(slow).toContain("The command '/bin/sh -c sleep 1000' did not end within 1.5 s");
    const wishes = [
      ['network=host', 'network.host'],
      ['security=insecure', 'security.insecure'],
      ['device=vendor.com/thing=one', 'device=vendor.com/thing=one'],
    ];
    for (const [wish, word] of wishes) {
      const wanting = `FROM busybox\nRUN --${wish} grep -q ^CapEff:.*1ff /proc/self/status && echo all || echo some\n`;
      expect(await post(wanting)).toContain(`dockerfile line 2: RUN --${wish} is not allowed to this build`);
      const allowed = await post(wanting, { query: `allow=${encodeURIComponent(JSON.stringify([word]))}` });
      if (wish?.startsWith('device')) expect(allowed).toContain('vendor.com/thing=one');
      else expect(allowed).toMatch(wish === 'security=insecure' ? /^all$/m : /^some$/m);
    }
    expect(await post(file, { query: 'allow=["everything"]' })).toContain('invalid entitlement: everything');
    expect(await findLeftovers(engine)).toEqual([]);
  }, 60_000);

  test('a cache that fills the disk fails its step and leaves nothing else; with room again the finished steps are there', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'silo-small-'));
    expect(await run(['mount', '-t', 'tmpfs', '-o', 'size=40m', 'silo-small', disk])).toMatchObject({
      code: 0,
    });
    try {
      await using small = await startEngine({ dataRoot: join(disk, 'data') });
      await bootstrapBusybox(small);
      const file = (mebibytes: number): string =>
        `FROM busybox\nRUN echo finished > /one\nRUN --mount=type=cache,target=/c dd if=/dev/zero of=/c/fill bs=1M count=${mebibytes}\n`;
      expect(await post(file(100), { on: small })).toMatch(/no space left on device/i);
      expect(await ask(small, 'GET', '/containers/json?all=1')).toEqual([]);
      expect(readdirSync(join(small.dataRoot, 'containers'))).toEqual([]);
      const full = await post(file(100), { on: small });
      expect(full).toContain('Using cache');
      expect(full).toMatch(/no space left on device/i);
      const { status, text } = await small.api('POST', '/build/prune');
      expect({ status, text }).toMatchObject({
        status: 200,
        text: expect.stringMatching(/"SpaceReclaimed":[1-9]/),
      });
      expect(await post(file(1), { on: small })).toContain('Successfully built');
    } finally {
      await run(['umount', '-l', disk]);
      rmSync(disk, { recursive: true, force: true });
    }
  }, 60_000);

  test('an engine that dies with a cache or a private folder half-made leaves nothing of them, and the next build goes on', async () => {
    const file = `FROM busybox
RUN echo finished
RUN --mount=type=cache,id=dying,target=/c <<A
#!/bin/sh
echo once >> /c/log; wc -l < /c/log
A
`;
    for (const point of knownFaultPoints().filter((name) => /^build\.(cache|mounts)\./.test(name))) {
      await engine.kill();
      await engine.start({ fault: point });
      for (const name of cachesThere()) expect(name).toMatch(/^[0-9a-f]{32}$/);
      const pruned = engine.api('POST', '/build/prune').catch(() => undefined);
      if (!point.endsWith('forgotten')) await pruned;
      await Promise.race([post(file, { query: 'nocache=1' }).catch(() => ''), engine.died()]);
      expect([point, await engine.died()]).toEqual([point, 'SIGKILL']);
    }
    await engine.start();
    const running = `FROM busybox\nRUN --mount=type=cache,id=dying,target=/c --mount=type=bind,from=busybox,source=/bin,target=/b,rw <<A\n#!/bin/sh\ntouch /c/begun; sleep 1000\nA\n`;
    const killed = post(running).catch(() => 'killed');
    await eventually(hasBegun, 30_000);
    await engine.kill();
    expect(await killed).toBe('killed');
    await engine.start();
    expect(await findLeftovers(engine)).toEqual([]);
    const again = await post(file);
    expect(again).toContain('Using cache');
    expect(again).toMatch(/^\d$/m);
    expect(cachesThere()).toHaveLength(1);
  }, 120_000);
});
