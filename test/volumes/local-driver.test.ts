import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, remove } from '../e2e/objects.ts';
import { run as execute } from '../e2e/run.ts';

// Engines start and die here, on a machine that others use too.
setDefaultTimeout(90_000);
if (skipReason) console.log(`skipped: options of the local driver: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('options of the local driver', () => {
  let engine: TestEngine;
  let folder = '';
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    folder = join(engine.directory, 'device');
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
    await engine.api('POST', '/volumes/prune?filters={"all":["true"]}');
    expect(mounts()).toBe(0);
    expect(await findLeftovers(engine)).toEqual([]);
    rmSync(folder, { recursive: true, force: true });
  });
  const said = async (...args: string[]): Promise<string> => {
    const result = await engine.silo(...args);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return result.stdout;
  };
  const create = (name: string, options: Record<string, string>): Promise<string> =>
    said(
      'volume',
      'create',
      ...Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]),
      name,
    );
  const sh = (name: string, command: string, ...more: string[]): Promise<string> =>
    said('run', '--rm', ...more, '-v', `${name}:/v`, 'busybox', 'sh', '-c', command);
  /** Volumes of this engine that are mounted. */
  const mounts = (): number =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`${engine.dataRoot}/volumes/`)).length;

  test('memory: mounted for the first user, there for the second, gone after the last', async () => {
    await create('memory', { type: 'tmpfs', device: 'tmpfs', o: 'size=3m,uid=7,mode=750,noexec' });
    expect(await sh('memory', `stat -c '%u %a' /v; df -k /v | awk 'END{print $2}'`)).toBe('7 750\n3072\n');
    expect(mounts()).toBe(0);
    await said('run', '-d', '--name', 'first', '-v', 'memory:/v', 'busybox', 'sleep', '1000');
    await said('exec', 'first', 'sh', '-c', 'echo mine > /v/file');
    expect(mounts()).toBe(1);
    expect(await sh('memory', 'cat /v/file')).toBe('mine\n');
    // Nothing of ours is counted in the engine alone: a death of it changes nothing.
    await engine.kill();
    await engine.start();
    expect(mounts()).toBe(1);
    expect(await sh('memory', 'cat /v/file')).toBe('mine\n');
    expect(mounts()).toBe(1);
    expect((await engine.silo('volume', 'rm', 'memory')).stderr).toContain('volume is in use');
    await said('rm', '-f', 'first');
    expect(mounts()).toBe(0);
    expect(await sh('memory', 'ls /v')).toBe('');
  });

  test('a container that ends while the engine is dead leaves no mount', async () => {
    await create('orphan', { type: 'tmpfs', device: 'tmpfs' });
    await said('run', '-d', '--name', 'short', '-v', 'orphan:/v', 'busybox', 'sleep', '1000');
    const { State } = await ask<{ State: { Pid: number } }>(engine, 'GET', '/containers/short/json');
    await engine.kill();
    process.kill(State.Pid, 'SIGKILL');
    await engine.start();
    await said('wait', 'short');
    expect(mounts()).toBe(0);
  });

  test('death between the mount and the container leaves no mount', async () => {
    await create('between', { type: 'tmpfs', device: 'tmpfs' });
    await said('create', '--name', 'never', '-v', 'between:/v', 'busybox', 'true');
    for (const fault of ['volume.mounted', 'container.start.volumes', 'container.start.pinned']) {
      await engine.stop();
      await engine.start({ fault });
      await engine.silo('start', 'never');
      await engine.died();
      await engine.start();
      expect(mounts()).toBe(0);
    }
  });

  test('a folder of the host, and its content outlives the volume', async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'kept'), 'kept\n');
    await create('bound', { type: 'none', device: folder, o: 'bind' });
    expect(await sh('bound', 'cat /v/kept; echo new > /v/new')).toBe('kept\n');
    const id = (await said('create', '-v', 'bound:/v', 'busybox', 'true')).trim();
    expect((await engine.silo('cp', `${id}:/v/kept`, '-')).stdout).toContain('kept');
    await remove(engine, id);
    // Also when somebody left it mounted.
    await execute(['mount', '--bind', folder, join(engine.dataRoot, 'volumes/bound/_data')], {});
    await said('volume', 'rm', 'bound');
    expect(readFileSync(join(folder, 'new'), 'utf8')).toBe('new\n');
    expect(existsSync(join(folder, 'kept'))).toBe(true);
  });

  test('a disk image through a loop device', async () => {
    mkdirSync(folder);
    const image = join(folder, 'disk');
    await execute(['truncate', '-s', '8M', image], {});
    const made = await execute(['mkfs.ext4', '-q', '-F', image], {}).catch(() => undefined);
    const attached = await execute(['losetup', '--find', '--show', image], {}).catch(() => undefined);
    if (made?.code !== 0 || attached?.code !== 0)
      return console.log('skipped: no mkfs.ext4 or no loop device on this machine');
    const device = attached.stdout.trim();
    try {
      await create('disk', { type: 'ext4', device, o: 'noatime' });
      expect(await sh('disk', 'echo on disk > /v/file; grep " /v " /proc/self/mounts')).toMatch(
        /ext4 .*noatime/,
      );
      expect(await sh('disk', 'cat /v/file; ls -d /v/lost+found')).toBe('on disk\n/v/lost+found\n');
      expect(mounts()).toBe(0);
      await create('plain', { type: 'ext4', device: image });
      const refused = await engine.silo('run', '--rm', '-v', 'plain:/v', 'busybox', 'true');
      expect(refused.stderr).toContain('block device required');
    } finally {
      await execute(['losetup', '-d', device], {});
    }
  });

  test('what the kernel refuses is said with what to do, and nothing is left', async () => {
    await create('missing', { type: 'none', device: join(folder, 'nowhere'), o: 'bind' });
    await create('unknown', { type: 'nosuchfs', device: 'x' });
    await create('secret', { type: 'nosuchfs', device: '//127.0.0.1/s', o: 'username=u,password=geheim' });
    const start = (name: string) => engine.silo('run', '--rm', '-v', `${name}:/v`, 'busybox', 'true');
    const place = `error while mounting volume '${engine.dataRoot}/volumes/missing/_data': failed to mount local volume`;
    const missing = await start('missing');
    expect(missing.stderr).toContain(place);
    expect(missing.stderr).toContain('no such file or directory');
    expect((await start('unknown')).stderr).toContain('no such device');
    const { stderr } = await start('secret');
    expect(stderr).toContain('password=********');
    expect(engine.log()).not.toContain('geheim');
    expect(await said('volume', 'inspect', 'secret')).toContain('password=geheim');
  });

  test('--mount makes a volume with options and labels', async () => {
    const mount =
      'type=volume,source=made,target=/v,volume-driver=local,volume-label=a=b,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"volume-opt=o=size=1m,mode=700"';
    expect(await said('run', '--rm', '--mount', mount, 'busybox', 'stat', '-c', '%a', '/v')).toBe('700\n');
    expect(JSON.parse(await said('volume', 'inspect', 'made'))).toMatchObject([
      { Labels: { a: 'b' }, Options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,mode=700' } },
    ]);
    const other = await engine.silo(
      'run',
      '--rm',
      '--volume-driver',
      'nope',
      '-v',
      'x1:/v',
      'busybox',
      'true',
    );
    expect(other.stderr).toContain('plugin "nope" not found');
  });
});
