import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { archive as tar, member, readAll } from '../../src/foundation/archive/tar-fixtures.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, create, launch, remove } from '../e2e/objects.ts';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { get, put } from './ask.ts';

if (skipReason) console.log(`skipped: attacks on copying files: ${skipReason}`);

// Other work on the machine makes each helper wait.
setDefaultTimeout(60_000);

describe.skipIf(skipReason !== undefined)('an attacker', () => {
  const outside = mkdtempSync(join(tmpdir(), 'silo-canary-'));
  const canary = join(outside, 'canary');
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    writeFileSync(canary, 'alive');
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(outside, { recursive: true });
  });
  afterEach(async () => {
    expect(readdirSync(outside)).toEqual(['canary']);
    expect(readFileSync(canary, 'utf8')).toBe('alive');
    const all = await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1');
    for (const { Id } of all) await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
  }, 30_000);

  // CVE-2018-15664: what a path means is settled in the container's root, whoever swaps links meanwhile.
  test('who swaps a directory for a link to the host reaches nothing there, in nor out', async () => {
    const swap = `mkdir -p /x/real; ln -s ${outside} /x/link; mv /x/real /x/now; while :; do mv /x/now /x/real; mv /x/link /x/now; mv /x/now /x/link; mv /x/real /x/now; done`;
    const id = await launch(engine, 'swapper', { Cmd: ['sh', '-c', swap] });
    const upload = tar(
      ...Array.from({ length: 200 }, (_, index) => member({ name: `now/sub${index}/planted`, content: 'x' })),
    );
    for (let round = 0; round < 4; round++) {
      await put(engine, id, '/x', upload);
      await put(
        engine,
        id,
        '/x/now',
        tar(member({ name: 'planted', content: 'x' }), member({ name: 'canary', content: 'dead' })),
      );
      const { status, body } = await get(engine, id, '/x/now/');
      if (status === 200)
        for (const { content } of readAll(body)) expect(content.toString()).not.toBe('alive');
    }
  });

  test('an archive that leads out by names, links or hard links writes inside or is refused', async () => {
    writeFileSync(join(outside, 'canary'), 'alive');
    for (const started of [true, false]) {
      const make = started ? launch : create;
      const id = await make(engine, `hostile-${started}`, { Cmd: ['sleep', '600'] });
      const up = '../'.repeat(20);
      const status = async (...members: Buffer[]): Promise<number> =>
        (await put(engine, id, '/tmp', tar(...members))).status;
      expect(await status(member({ name: `${up}${outside.slice(1)}/planted`, content: 'x' }))).toBe(400);
      expect(await status(member({ name: `${outside}/planted`, content: 'x' }))).toBe(200);
      expect(
        await status(
          member({ type: 'symlink', name: 'l', linkName: outside }),
          member({ name: 'l/planted', content: 'x' }),
        ),
      ).not.toBe(500);
      expect(
        await status(
          member({ type: 'symlink', name: 'm', linkName: `${up}${canary.slice(1)}` }),
          member({ name: 'm', content: 'replaced' }),
        ),
      ).toBe(200);
      expect(await status(member({ type: 'hardlink', name: 'h', linkName: `${up}${canary.slice(1)}` }))).toBe(
        400,
      );
      expect(await status(member({ type: 'hardlink', name: 'h', linkName: canary }))).toBe(400);
      expect(
        await status(
          member({ type: 'symlink', name: 'root', linkName: '/' }),
          member({ type: 'hardlink', name: 'h2', linkName: `root${canary}` }),
        ),
      ).toBe(400);
      expect((await get(engine, id, `/tmp${outside}/planted`)).status).toBe(200);
    }
  });

  // CVE-2019-14271 and CVE-2026-41567: programs and libraries of the container are files, nothing else.
  test('whose image has a libnss and an xz that would run is not run', async () => {
    const trap = `#!/bin/sh\necho trapped > ${outside}/trapped\necho trapped > /trapped\n`;
    const id = await create(engine, 'trap', { Cmd: ['true'] });
    const names = [
      'usr/bin/xz',
      'usr/bin/unpigz',
      'bin/tar',
      'lib/libnss_files.so.2',
      'lib/x86_64-linux-gnu/libnss_files.so.2',
      'etc/ld.so.preload',
    ];
    const planted = names.map((name) =>
      member({
        name,
        mode: 0o755,
        content: name === 'etc/ld.so.preload' ? '/lib/libnss_files.so.2\n' : trap,
      }),
    );
    expect((await put(engine, id, '/', tar(...planted))).status).toBe(200);
    const xz = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0]);
    expect((await put(engine, id, '/tmp', xz)).status).toBe(400);
    expect((await put(engine, id, '/tmp', gzipSync(tar(member({ name: 'f' }))))).status).toBe(200);
    expect((await put(engine, id, '/tmp', tar(member({ name: 'g' })), '&copyUIDGID=1')).status).toBe(200);
    expect((await get(engine, id, '/tmp')).status).toBe(200);
    expect((await get(engine, id, '/trapped')).status).toBe(404);
  });

  // CVE-2026-41568 and CVE-2026-42306: mount points are made inside.
  test('whose image has links where volumes go gets its mounts inside', async () => {
    const first = await create(engine, 'links', { Cmd: ['true'] });
    const links = tar(
      member({ type: 'symlink', name: 'up', linkName: `../../../..${outside}` }),
      member({ type: 'symlink', name: 'abs', linkName: outside }),
    );
    await put(engine, first, '/', links);
    const committed = await ask<{ Id: string }>(engine, 'POST', `/commit?container=${first}`);
    const id = await create(engine, 'mounts', {
      Image: committed.Id,
      Cmd: ['true'],
      Volumes: { '/up/mounted': {}, '/abs/mounted': {} },
    });
    expect((await put(engine, id, '/abs/mounted', tar(member({ name: 'f' })))).status).toBe(200);
    expect((await get(engine, id, '/up/mounted')).status).toBe(200);
    expect(existsSync(join(outside, 'mounted'))).toBe(false);
    await remove(engine, id);
    await ask(engine, 'DELETE', `/images/${committed.Id}?force=1`);
  });

  test('with devices and pipes in the way opens none of them', async () => {
    const id = await launch(engine, 'nodes', {
      Cmd: ['sh', '-c', 'mkdir /n; mkfifo /n/pipe; exec sleep 600'],
    });
    while ((await get(engine, id, '/n/pipe')).status !== 200);
    const nodes = tar(
      member({ type: 'char', name: 'watchdog', devMajor: 10, devMinor: 130 }),
      member({ type: 'block', name: 'disk', devMajor: 8, devMinor: 0 }),
    );
    expect((await put(engine, id, '/n', nodes)).status).toBe(200);
    const types = readAll((await get(engine, id, '/n')).body).map(({ type }) => type);
    expect(types).toEqual(['directory', 'block', 'fifo', 'char']);
    expect((await put(engine, id, '/n', tar(member({ name: 'pipe', content: 'a file' })))).status).toBe(200);
  });

  test('through /proc meets no link out of the container', async () => {
    const id = await launch(engine, 'proc', { Cmd: ['sleep', '600'] });
    for (const path of [
      '/proc/1/root/etc/passwd',
      '/proc/1/cwd/etc',
      '/proc/self/fd/4/etc',
      '/proc/thread-self/root/etc',
    ])
      expect([400, 404]).toContain((await get(engine, id, path)).status);
    // The text of the link is a path inside.
    await put(engine, id, '/proc/1/root', tar(member({ name: 'planted' })));
    expect(existsSync('/planted')).toBe(false);
  });

  test('with a bomb costs the engine no memory', async () => {
    const id = await launch(engine, 'bomb', {
      Cmd: ['sleep', '600'],
      HostConfig: { Tmpfs: { '/small': 'size=1m' } },
    });
    const before = residentKb(engine.pid());
    const zeros = member({ name: 'zeros', content: Buffer.alloc(32 << 20) });
    const bomb = gzipSync(tar(zeros));
    expect(await put(engine, id, '/small', bomb)).toMatchObject({
      status: 500,
      message: 'write /small/zeros: no space left on device',
    });
    const folders = tar(
      ...Array.from({ length: 2000 }, (_, index) => member({ type: 'directory', name: `d/${index}` })),
    );
    expect((await put(engine, id, '/tmp', gzipSync(folders))).status).toBe(200);
    expect(residentKb(engine.pid()) - before).toBeLessThan(100 << 10);
  });

  test('with an archive that is not sound is told so', async () => {
    const id = await create(engine, 'unsound', { Cmd: ['true'] });
    const whole = tar(member({ name: 'f', content: 'x'.repeat(2000) }));
    const answers = [
      await put(engine, id, '/tmp', Buffer.from('garbage'.repeat(200))),
      await put(engine, id, '/tmp', whole.subarray(0, 1500)),
      await put(engine, id, '/tmp', gzipSync(whole).subarray(0, 40)),
      await put(
        engine,
        id,
        '/tmp',
        tar(member({ name: 'n\0ul', content: '' }), member({ name: 'x'.repeat(5000) })),
      ),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    expect(engine.log()).not.toContain(' error archive');
  });

  test('who nests directories without end is stopped', async () => {
    const nest =
      'i=0; while [ $i -lt 1005 ]; do mkdir d && cd d || exit 1; i=$((i+1)); done; touch /done; exec sleep 600';
    const id = await launch(engine, 'deep', { Cmd: ['sh', '-c', `mkdir /deep; cd /deep; ${nest}`] });
    while ((await get(engine, id, '/done')).status !== 200);
    expect(
      await get(engine, id, '/deep').then(
        () => 'whole',
        () => 'cut',
      ),
    ).toBe('cut');
    expect((await put(engine, id, '/', tar(member({ name: 'deep' })))).status).toBe(400);
    mkdirSync(join(engine.directory, 'still-here'));
    expect((await get(engine, id, '/done')).status).toBe(200);
  });
});

function residentKb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
