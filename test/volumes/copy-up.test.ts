import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, remove } from '../e2e/objects.ts';
import { run as execute } from '../e2e/run.ts';

if (skipReason) console.log(`skipped: first content of volumes: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('first content of volumes', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    // An image with a service's folder: a file, an owner, a mode, a link that leads out of the container if anybody followed it.
    const tree = join(engine.directory, 'tree');
    mkdirSync(join(tree, 'srv/app/deep'), { recursive: true });
    mkdirSync(join(tree, 'var'), { recursive: true });
    writeFileSync(join(tree, 'srv/app/first'), 'hello\n');
    writeFileSync(join(tree, 'srv/app/deep/second'), 'there\n');
    symlinkSync('/etc/passwd', join(tree, 'srv/app/link'));
    symlinkSync('/srv/app', join(tree, 'var/app'));
    symlinkSync('/../../../../etc', join(tree, 'outside'));
    await execute(
      [
        'sh',
        '-c',
        `cp -a /bin/busybox ${tree}/busybox; chown -R 77:88 ${tree}/srv/app; chmod 0750 ${tree}/srv/app; tar -C ${tree} -cf ${tree}.tar .`,
      ],
      {},
    );
    const imported = await engine.silo('import', `${tree}.tar`, 'service');
    expect(imported).toMatchObject({ code: 0 });
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
    await engine.api('POST', '/volumes/prune?filters={"all":["true"]}');
    expect(await findLeftovers(engine)).toEqual([]);
    expect(readdirSync(join(engine.dataRoot, 'volumes')).filter((name) => name.startsWith('.'))).toEqual([]);
  });
  const said = async (...args: string[]): Promise<string> => {
    const result = await engine.silo(...args);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return result.stdout;
  };
  const show = (volume: string, command: string, ...words: string[]): Promise<string> =>
    said('run', '--rm', '-v', volume, ...words, 'service', '/busybox', 'sh', '-c', command);
  const listing = 'cd /srv/app; /busybox stat -c "%n %u:%g %a" . first deep/second; /busybox readlink link';

  test('an empty volume gets what the image has there, with owners, modes and links', async () => {
    expect(await show('data:/srv/app', listing)).toBe(
      '. 77:88 750\nfirst 77:88 644\ndeep/second 77:88 644\n/etc/passwd\n',
    );
    expect(await show('data:/x', '/busybox ls /x')).toBe('deep\nfirst\nlink\n');
  });

  test('once it has content, or was asked not to, nothing is copied', async () => {
    await show('data:/x', 'echo mine > /x/mine');
    expect(await show('data:/srv/app', '/busybox ls /srv/app')).toBe('mine\n');
    expect(await show('other:/srv/app:nocopy', '/busybox ls /srv/app')).toBe('');
    const mount = 'type=volume,source=third,target=/srv/app,volume-nocopy';
    expect(await said('run', '--rm', '--mount', mount, 'service', '/busybox', 'ls', '/srv/app')).toBe('');
  });

  test('anonymous volumes are filled too, and a place behind a link is found inside', async () => {
    expect(await said('run', '--rm', '-v', '/srv/app', 'service', '/busybox', 'cat', '/srv/app/first')).toBe(
      'hello\n',
    );
    expect(await show('linked:/var/app', '/busybox cat /srv/app/first')).toBe('hello\n');
  });

  test('a place that leads out of the container gets nothing from the host', async () => {
    expect(await show('evil:/outside', '/busybox ls /outside 2>&1 | /busybox head -3')).not.toContain(
      'passwd',
    );
  });

  describe('into a volume whose options name a folder of the host', () => {
    let device = '';
    const create = async (name: string): Promise<void> => {
      device = join(engine.directory, `device-${name}`);
      mkdirSync(device);
      await said('volume', 'create', '-o', 'type=none', '-o', 'o=bind', '-o', `device=${device}`, name);
    };
    /** What is mounted for volumes of this engine. */
    const mounts = (): number =>
      readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .filter((line) => line.includes(`${engine.dataRoot}/volumes/`)).length;

    test('an empty one gets what the image has there, one with content stays as it is', async () => {
      await create('onhost');
      expect(await show('onhost:/srv/app', listing)).toBe(
        '. 77:88 750\nfirst 77:88 644\ndeep/second 77:88 644\n/etc/passwd\n',
      );
      expect(readdirSync(device).toSorted()).toEqual(['deep', 'first', 'link']);
      rmSync(join(device, 'first'));
      expect(await show('onhost:/srv/app', '/busybox ls /srv/app')).toBe('deep\nlink\n');
      expect(mounts()).toBe(0);
    });

    test('a death on the way leaves it empty, and what was whole is moved on at the next mount', async () => {
      await create('dying');
      await engine.stop();
      await engine.start({ fault: 'volume.seed.staged' });
      await engine.silo('create', '--name', 'dies', '-v', 'dying:/srv/app', 'service', '/busybox', 'true');
      await engine.died();
      await engine.start();
      expect(mounts()).toBe(0);
      expect(await show('dying:/x', '/busybox ls -A /x')).toBe('');
      // As a helper that died while it moved leaves it; a link is hostile, and stays what it is.
      const whole = join(device, '.silo-first-content-whole/_data');
      mkdirSync(join(whole, 'sub'), { recursive: true });
      writeFileSync(join(whole, 'sub/file'), 'moved\n');
      symlinkSync('/etc', join(whole, 'etc'));
      writeFileSync(join(device, 'there'), 'already\n');
      writeFileSync(join(whole, 'there'), 'late\n');
      expect(await show('dying:/x', '/busybox ls -A /x; /busybox cat /x/there /x/sub/file')).toBe(
        'etc\nsub\nthere\nalready\nmoved\n',
      );
      expect(readlinkSync(join(device, 'etc'))).toBe('/etc');
    });

    test('attack: a link in place of the folder for content leads nowhere', async () => {
      await create('evil');
      const outside = join(engine.directory, 'outside');
      mkdirSync(join(outside, '_data/loot'), { recursive: true });
      symlinkSync(outside, join(device, '.silo-first-content-whole'));
      symlinkSync(outside, join(device, '.silo-first-content-0000'));
      expect(await show('evil:/srv/app', '/busybox ls /srv/app')).toBe('deep\nfirst\nlink\n');
      expect(readdirSync(join(outside, '_data'))).toEqual(['loot']);
    });
  });

  test.each(['volume.seed.filled', 'container.create.seeded'])(
    'a death of the engine at %s leaves the volume empty or whole',
    async (fault) => {
      await engine.stop();
      await engine.start({ fault });
      await engine.silo('create', '--name', 'dies', '-v', 'data:/srv/app', 'service', '/busybox', 'true');
      await engine.died();
      await engine.start();
      expect((await engine.silo('ps', '-aq')).stdout).toBe('');
      const found = await show('data:/x:ro', '/busybox ls /x');
      expect(['', 'deep\nfirst\nlink\n']).toContain(found);
      expect(await show('data:/srv/app', '/busybox cat /srv/app/first')).toBe('hello\n');
    },
  );
});
