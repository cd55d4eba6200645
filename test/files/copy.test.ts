import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { archive as tar, extension, member, readAll } from '../../src/foundation/archive/tar-fixtures.ts';
import { formatPaxRecord } from '../../src/foundation/archive/pax.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, create, launch, remove, runOnce, start } from '../e2e/objects.ts';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { archive, get, put } from './ask.ts';

if (skipReason) console.log(`skipped: copying files: ${skipReason}`);

const goDirectory = 2 ** 31;
const goLink = 2 ** 27;

// Other work on the machine makes each helper wait.
setDefaultTimeout(60_000);

describe.skipIf(skipReason !== undefined)('copying files', () => {
  let engine: TestEngine;
  let running: string;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    running = await launch(engine, 'running', {
      Cmd: [
        'sh',
        '-c',
        'mkdir -p /d/sub; echo hello > /d/f; ln -s f /d/l; ln /d/f /d/h; mkfifo /d/p; exec sleep 600',
      ],
      Volumes: { '/vol': {} },
      HostConfig: { Tmpfs: { '/tmpfs': '' } },
    });
    while ((await get(engine, running, '/d/p')).status !== 200);
  });
  afterAll(async () => {
    const all = await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1');
    for (const { Id } of all) await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
    await engine[Symbol.asyncDispose]();
  });

  test('a stat tells name, size, kind and where a link leads', async () => {
    const stat = async (path: string) => (await archive(engine, 'HEAD', running, `path=${path}`)).stat;
    expect(await stat('/d/f')).toMatchObject({ name: 'f', size: 6, mode: 0o644, linkTarget: '' });
    expect(await stat('/d')).toMatchObject({ name: 'd', mode: goDirectory + 0o755 });
    expect(await stat('/d/l')).toMatchObject({ name: 'l', mode: goLink + 0o777, linkTarget: '/d/f' });
    expect(await stat('/')).toMatchObject({ name: '/' });
    expect(await stat('../../d/f')).toMatchObject({ name: 'f' });
  });

  test('what is missing and what is wrong is told in the words of Docker', async () => {
    const told = async (query: string) => {
      const { status, message } = await archive(engine, 'GET', running, query);
      return `${status} ${message}`;
    };
    expect(await told('path=/nope')).toBe(`404 Could not find the file /nope in container ${running}`);
    expect(await told('')).toBe('400 bad parameter: pathcannot be empty');
    expect(await told('path=/d/f/x')).toBe('400 lstat /d/f/x: not a directory');
    expect((await archive(engine, 'GET', 'nobody', 'path=/')).message).toBe('No such container: nobody');
    expect((await put(engine, running, '/d/f', tar())).message).toBe('extraction point is not a directory');
    expect((await put(engine, running, '/nope', tar())).message).toBe(
      `Could not find the file /nope in container ${running}`,
    );
  });

  test('a directory comes out with every kind of entry below its name', async () => {
    const entries = readAll((await get(engine, running, '/d')).body);
    expect(entries.map(({ name, type, linkName }) => `${name} ${type} ${linkName}`.trim())).toEqual([
      'd/ directory',
      'd/f file',
      'd/h hardlink d/f',
      'd/l symlink f',
      'd/p fifo',
      'd/sub/ directory',
    ]);
    expect(readAll((await get(engine, running, '/d/.')).body)[1]?.name).toBe('./f');
    expect(readAll((await get(engine, running, '/d/l')).body)).toHaveLength(1);
  });

  test('every kind of entry goes in with owner, mode, times, attributes and holes', async () => {
    const sparse = Buffer.concat([
      extension(
        'x',
        (
          [
            ['GNU.sparse.major', '1'],
            ['GNU.sparse.minor', '0'],
            ['GNU.sparse.name', 'in/sparse'],
            ['GNU.sparse.realsize', '1048576'],
          ] as const
        )
          .map(([key, value]) => formatPaxRecord(key, value))
          .join(''),
      ),
      member({
        name: 'in/GNUSparse/sparse',
        content: `1\n1044480\n4096\n${'\0'.repeat(512 - 15)}${'x'.repeat(4096)}`,
      }),
    ]);
    const upload = tar(
      member({ type: 'directory', name: 'in', mode: 0o1777, mtime: { sec: 5, nsec: 0 } }),
      member({
        name: 'in/setuid',
        content: 'abc',
        mode: 0o4755,
        uid: 77,
        gid: 78,
        mtime: { sec: 1000, nsec: 500_000_000 },
      }),
      member({
        name: 'in/attr',
        xattrs: new Map([
          ['user.note', Buffer.from('kept')],
          ['trusted.overlay.opaque', Buffer.from('y')],
        ]),
      }),
      member({ type: 'char', name: 'in/null', devMajor: 1, devMinor: 3, mode: 0o666 }),
      member({ type: 'fifo', name: 'in/fifo', mode: 0o600 }),
      member({ type: 'symlink', name: 'in/link', linkName: '../../../etc' }),
      member({ type: 'hardlink', name: 'in/hard', linkName: 'in/setuid' }),
      member({ name: 'in/.wh.name', content: 'plain' }),
      member({ name: 'in/\u00c3\u00bc/made/f', content: 'utf8' }),
      sparse,
    );
    expect((await put(engine, running, '/tmp', upload)).status).toBe(200);
    const back = readAll((await get(engine, running, '/tmp/in')).body);
    const shown = back.map(({ name, type, mode, uid, gid, mtime }) => [
      name,
      type,
      mode.toString(8),
      uid,
      gid,
      mtime.sec,
    ]);
    expect(shown).toEqual([
      ['in/', 'directory', '1777', 0, 0, 5],
      ['in/.wh.name', 'file', '644', 0, 0, 1],
      ['in/attr', 'file', '644', 0, 0, 1],
      ['in/fifo', 'fifo', '600', 0, 0, 1],
      ['in/hard', 'file', '4755', 77, 78, 1000],
      ['in/link', 'symlink', '777', 0, 0, 1],
      ['in/null', 'char', '666', 0, 0, 1],
      ['in/setuid', 'hardlink', '4755', 77, 78, 1000],
      ['in/sparse', 'file', '644', 0, 0, 1],
      expect.arrayContaining(['in/\u00c3\u00bc/', 'directory', '755']),
      expect.arrayContaining(['in/\u00c3\u00bc/made/', 'directory', '755']),
      ['in/\u00c3\u00bc/made/f', 'file', '644', 0, 0, 1],
    ]);
    expect(
      back
        .find(({ name }) => name === 'in/attr')
        ?.xattrs?.get('user.note')
        ?.toString(),
    ).toBe('kept');
    const hole = back.find(({ name }) => name === 'in/sparse');
    expect([hole?.size, hole?.content[0], hole?.content[1_044_480]]).toEqual([1 << 20, 0, 0x78]);
  });

  test('gzip and zstd go in, what is not read is named', async () => {
    const plain = tar(member({ name: 'compressed', content: 'abc' }));
    for (const upload of [gzipSync(plain), Buffer.from(Bun.zstdCompressSync(plain))]) {
      expect((await put(engine, running, '/tmp', upload)).status).toBe(200);
      expect(readAll((await get(engine, running, '/tmp/compressed')).body)[0]?.content.toString()).toBe(
        'abc',
      );
    }
    const xz = await put(engine, running, '/tmp', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 1, 2]));
    expect(xz.message).toContain('not sound xz');
    const lz4 = await put(engine, running, '/tmp', Buffer.from([0x04, 0x22, 0x4d, 0x18, 0, 0, 1, 2]));
    expect(lz4.message).toContain('compressed with lz4');
  });

  test('volumes and file systems in memory of a running container take and give files', async () => {
    for (const place of ['/vol', '/tmpfs']) {
      expect((await put(engine, running, place, tar(member({ name: 'f', content: place })))).status).toBe(
        200,
      );
      expect(readAll((await get(engine, running, `${place}/f`)).body)[0]?.content.toString()).toBe(place);
    }
  });

  test('a paused container answers', async () => {
    const id = await launch(engine, 'paused', { Cmd: ['sleep', '600'] });
    await ask(engine, 'POST', `/containers/${id}/pause`);
    expect((await put(engine, id, '/tmp', tar(member({ name: 'f', content: 'x' })))).status).toBe(200);
    expect((await get(engine, id, '/tmp/f')).status).toBe(200);
    await ask(engine, 'POST', `/containers/${id}/unpause`);
    await remove(engine, id);
  });

  test('a container that does not run shows its layer with volumes and binds in place, and keeps what is put there', async () => {
    const host = join(engine.directory, 'bind');
    mkdirSync(host);
    writeFileSync(join(host, 'h'), 'from the host');
    writeFileSync(join(engine.directory, 'one-file'), 'a file');
    const id = await create(engine, 'created', {
      Cmd: ['cat', '/root/put', '/vol/put', '/bind/put'],
      Volumes: { '/vol': {} },
      HostConfig: {
        Binds: [
          `${host}:/bind`,
          `${host}:/deep/down/ro:ro`,
          `${join(engine.directory, 'one-file')}:/etc/one`,
        ],
      },
    });
    expect(readAll((await get(engine, id, '/bind/h')).body)[0]?.content.toString()).toBe('from the host');
    expect(readAll((await get(engine, id, '/etc/one')).body)[0]?.content.toString()).toBe('a file');
    for (const place of ['/root', '/vol', '/bind'])
      expect((await put(engine, id, place, tar(member({ name: 'put', content: `${place}\n` })))).status).toBe(
        200,
      );
    expect(readFileSync(join(host, 'put'), 'utf8')).toBe('/bind\n');
    expect(await put(engine, id, '/deep/down/ro', tar(member({ name: 'x' })))).toMatchObject({
      status: 403,
      message: 'mounted volume is marked read-only',
    });
    await start(engine, id);
    const code = await ask<{ StatusCode: number }>(engine, 'POST', `/containers/${id}/wait`);
    expect(code.StatusCode).toBe(0);
    await remove(engine, id);
  });

  test('looking at a container that does not run changes nothing in it', async () => {
    const id = await create(engine, 'untouched', { Cmd: ['true'], Volumes: { '/made/for/volume': {} } });
    expect((await get(engine, id, '/made/for/volume')).status).toBe(200);
    expect((await get(engine, id, '/etc')).status).toBe(200);
    const changes = await ask<unknown[] | null>(engine, 'GET', `/containers/${id}/changes`);
    expect(changes ?? []).toEqual([]);
    await remove(engine, id);
  });

  test('a read-only root and read-only mounts refuse, also behind a link out of a volume', async () => {
    for (const state of ['running', 'created'] as const) {
      const id = await create(engine, `readonly-${state}`, {
        Cmd: ['sleep', '600'],
        Volumes: { '/vol': {} },
        HostConfig: { ReadonlyRootfs: true },
      });
      if (state === 'running') await start(engine, id);
      expect(await put(engine, id, '/tmp', tar(member({ name: 'f' })))).toMatchObject({
        status: 403,
        message: 'container rootfs is marked read-only',
      });
      const link = tar(
        member({ type: 'symlink', name: 'out', linkName: '/etc' }),
        member({ name: 'out/planted' }),
      );
      expect((await put(engine, id, '/vol', link)).status).toBe(403);
      expect((await get(engine, id, '/etc/planted')).status).toBe(404);
      await remove(engine, id);
    }
  });

  test('kinds are kept when asked, and replaced when not', async () => {
    const kept = '&noOverwriteDirNonDir=1';
    await put(engine, running, '/tmp', tar(member({ name: 'kinds/dir/f' }), member({ name: 'kinds/file' })));
    expect(await put(engine, running, '/tmp/kinds', tar(member({ name: 'dir' })), kept)).toMatchObject({
      status: 400,
      message: 'cannot overwrite directory "/tmp/kinds/dir" with non-directory "/tmp/kinds"',
    });
    expect(
      await put(engine, running, '/tmp/kinds', tar(member({ type: 'directory', name: 'file' })), kept),
    ).toMatchObject({
      status: 400,
      message: 'cannot overwrite non-directory "/tmp/kinds/file" with directory "/tmp/kinds"',
    });
    const both = tar(member({ name: 'dir' }), member({ type: 'directory', name: 'file' }));
    expect((await put(engine, running, '/tmp/kinds', both)).status).toBe(200);
    expect(readAll((await get(engine, running, '/tmp/kinds')).body).map(({ type }) => type)).toEqual([
      'directory',
      'file',
      'directory',
    ]);
  });

  test('with copyUIDGID everything belongs to the user of the container', async () => {
    const id = await create(engine, 'user', { Cmd: ['true'], User: '1234:99' });
    await put(engine, id, '/tmp', tar(member({ name: 'f', uid: 5, gid: 6 })), '&copyUIDGID=1');
    await put(engine, id, '/tmp', tar(member({ name: 'g', uid: 5, gid: 6 })));
    const owners = readAll((await get(engine, id, '/tmp')).body).map(({ name, uid, gid }) => [
      name,
      uid,
      gid,
    ]);
    expect(owners.slice(1)).toEqual([
      ['tmp/f', 1234, 99],
      ['tmp/g', 5, 6],
    ]);
    await remove(engine, id);
  });

  test('a mounted file is not replaced, and stays mounted', async () => {
    expect(await put(engine, running, '/etc', tar(member({ name: 'hosts', content: 'x' })))).toMatchObject({
      status: 409,
      message: 'unlinkat hosts: device or resource busy',
    });
    expect(readAll((await get(engine, running, '/etc/hosts')).body)[0]?.content.toString()).toContain(
      'localhost',
    );
  });

  test('a full disk is told, and what was copied stays', async () => {
    const id = await launch(engine, 'small', {
      Cmd: ['sleep', '600'],
      HostConfig: { Tmpfs: { '/small': 'size=64k' } },
    });
    const upload = tar(
      member({ name: 'first', content: 'x' }),
      member({ name: 'big', content: Buffer.alloc(1 << 20) }),
    );
    expect(await put(engine, id, '/small', upload)).toMatchObject({
      status: 500,
      message: 'write /small/big: no space left on device',
    });
    expect((await get(engine, id, '/small/first')).status).toBe(200);
    await remove(engine, id);
  });

  test.each(['running', 'created'] as const)(
    'thousands of files go into a %s container as they are, and what does not fit is named',
    async (state) => {
      const id = await create(engine, `many-${state}`, {
        Cmd: ['sleep', '600'],
        HostConfig: { Tmpfs: { '/small': 'size=4m' } },
      });
      if (state === 'running') await start(engine, id);
      const files = Array.from({ length: 2000 }, (_, index) => ({
        name: `many/${index % 20}/${String(index).padStart(4, '0')}`,
        content: `${index} `.repeat(1 + (index % 1500)),
        uid: index % 3,
        mode: index % 5 === 0 ? 0o4711 : 0o644,
        mtime: { sec: 1000 + index, nsec: 0 },
      }));
      const upload = tar(
        member({ type: 'directory', name: 'many', mode: 0o750, mtime: { sec: 5, nsec: 0 } }),
        ...files.map(member),
      );
      expect((await put(engine, id, '/tmp', upload)).status).toBe(200);
      const back = readAll((await get(engine, id, '/tmp/many')).body);
      expect(back[0]).toMatchObject({ name: 'many/', mode: 0o750, mtime: { sec: 5, nsec: 0 } });
      const found = new Map(back.map((entry) => [entry.name, entry]));
      for (const { name, content, ...fields } of files) {
        const entry = found.get(name);
        expect(entry).toMatchObject(fields);
        expect(entry?.content.toString() === content).toBe(true);
      }
      if (state === 'running')
        expect(await put(engine, id, '/small', upload)).toMatchObject({
          status: 500,
          message: expect.stringMatching(/^(write|open|mkdir) \/small\/many\/.*: no space left on device$/),
        });
      await remove(engine, id);
    },
  );

  test('docker-py puts and gets', async () => {
    if (spawnSync('python3', ['-c', 'import docker']).status !== 0)
      return console.log('skipped: docker-py is not installed');
    const script = `
import docker, io, tarfile
client = docker.DockerClient(base_url='${engine.host}')
container = client.containers.get('running')
buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode='w') as t:
    info = tarfile.TarInfo('py'); info.size = 3; t.addfile(info, io.BytesIO(b'abc'))
assert container.put_archive('/tmp', buffer.getvalue())
bits, stat = container.get_archive('/tmp/py')
data = b''.join(bits)
assert stat['name'] == 'py' and stat['size'] == 3, stat
assert tarfile.open(fileobj=io.BytesIO(data)).extractfile('py').read() == b'abc'
`;
    const { status, stderr } = spawnSync('python3', ['-c', script], { timeout: 30_000 });
    expect(`${status} ${stderr.toString()}`).toBe('0 ');
  });

  test('events tell of copies', async () => {
    const since = Math.floor(Date.now() / 1000) - 1;
    await put(engine, running, '/tmp', tar());
    await get(engine, running, '/tmp');
    const until = Math.floor(Date.now() / 1000) + 1;
    const events = await ask<{ Action: string }[] | { Action: string }>(
      engine,
      'GET',
      `/events?since=${since}&until=${until}`,
    );
    const actions = [events].flat().map(({ Action }) => Action);
    expect(actions).toContain('extract-to-dir');
    expect(actions).toContain('archive-path');
  });

  test('runs whatever was copied in', async () => {
    const { output } = await runOnce(engine, 'plain', { Cmd: ['echo', 'still', 'fine'] });
    expect(output).toBe('still fine\n');
    expect(statSync(join(engine.directory, 'exec/empty')).isDirectory()).toBe(true);
  });
});
