import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
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

// Engines start and die here, on a machine that others use too.
setDefaultTimeout(90_000);
if (skipReason) console.log(`skipped: mounts: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('mounts', () => {
  let engine: TestEngine;
  let folder = '';
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    folder = join(engine.directory, 'mounted');
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
    await engine.api('POST', '/volumes/prune?filters={"all":["true"]}');
    expect(await findLeftovers(engine)).toEqual([]);
    expect(readdirSync(join(engine.directory, 'exec/mounts'))).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(`${engine.directory}/exec/mounts`);
    rmSync(folder, { recursive: true, force: true });
  });
  const source = (name: string): string => {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const inside = async (words: string[], command: string): Promise<string> => {
    const result = await engine.silo('run', '--rm', ...words, 'busybox', 'sh', '-c', command);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return result.stdout;
  };
  const refusal = async (...words: string[]): Promise<string> => {
    const result = await engine.silo('run', '--rm', ...words, 'busybox', 'true');
    expect(result.code).not.toBe(0);
    return result.stderr;
  };
  /** A tmpfs below the source, in the mount namespace of the engine. */
  const below = async (path: string): Promise<AsyncDisposable> => {
    mkdirSync(path, { recursive: true });
    await execute(['mount', '-t', 'tmpfs', 'below', path], {});
    return { [Symbol.asyncDispose]: async () => void (await execute(['umount', '-l', path], {})) };
  };

  test('read-only means the mounts below too, unless only the top was asked for', async () => {
    const path = source('top');
    await using _ = await below(join(path, 'sub'));
    const touch = 'for f in /x/a /x/sub/a; do touch $f 2>/dev/null && echo yes || echo no; done';
    const mount = (more: string): Promise<string> =>
      inside(['--mount', `type=bind,source=${path},target=/x${more}`], touch);
    expect(await mount('')).toBe('yes\nyes\n');
    expect(await mount(',readonly')).toBe('no\nno\n');
    expect(await mount(',readonly,bind-recursive=writable')).toBe('no\nyes\n');
    expect(await mount(',readonly,bind-recursive=readonly,bind-propagation=rprivate')).toBe('no\nno\n');
    expect(await inside(['-v', `${path}:/x:ro`], touch)).toBe('no\nno\n');
    const list = 'grep -c " /x" /proc/self/mounts';
    expect(await inside(['-v', `${path}:/x`], list)).toBe('2\n');
    expect(
      await inside(['--mount', `type=bind,source=${path},target=/x,bind-recursive=disabled`], list),
    ).toBe('1\n');
  });

  test('shared and slave mounts need a source that is one, in the words of Docker', async () => {
    const path = source('island');
    await using _ = await below(path);
    await execute(['mount', '--make-rprivate', path], {});
    expect(await refusal('-v', `${path}:/x:rshared`)).toContain(
      `path ${path} is mounted on ${path} but it is not a shared mount`,
    );
    expect(await refusal('-v', `${path}:/x:rslave`)).toContain(
      `path ${path} is mounted on ${path} but it is not a shared or slave mount`,
    );
    await execute(['mount', '--make-shared', path], {});
    const propagation = `grep ' /x ' /proc/self/mountinfo | grep -o 'shared:\\|master:' | tr '\\n' ' '`;
    for (const [mode, tags] of Object.entries({
      shared: 'shared: ',
      rshared: 'shared: ',
      slave: 'master: ',
      rslave: 'master: ',
      private: '',
      rprivate: '',
    }))
      expect(`${mode}: ${await inside(['-v', `${path}:/x:${mode}`], propagation)}`).toBe(`${mode}: ${tags}`);
  });

  test('a source that holds the engine is followed, not kept', async () => {
    const id = (await engine.silo('create', '-v', '/:/host', 'busybox', 'true')).stdout.trim();
    const found = await ask<{ Mounts: { Propagation: string }[] }>(engine, 'GET', `/containers/${id}/json`);
    expect(found.Mounts[0]?.Propagation).toBe('rslave');
    expect(await refusal('-v', `${engine.dataRoot}:/x:rprivate`)).toContain(
      'must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root',
    );
  });

  test('a part of a volume', async () => {
    await inside(['-v', 'data:/x'], 'mkdir -p /x/a/b; echo deep > /x/a/b/file; echo one > /x/single');
    const mount = (subpath: string, more = ''): string[] => [
      '--mount',
      `type=volume,source=data,target=/y,volume-subpath=${subpath}${more}`,
    ];
    expect(await inside(mount('a/b'), 'cat /y/file; echo new > /y/new')).toBe('deep\n');
    expect(await inside(mount('single'), 'cat /y')).toBe('one\n');
    expect(await inside(mount('a', ',readonly'), 'touch /y/x 2>&1 | grep -o Read-only; ls /y/b')).toBe(
      'Read-only\nfile\nnew\n',
    );
    expect(await refusal(...mount('missing'))).toContain('cannot access path');
    expect(await refusal(...mount('../etc'))).toContain('subpath must be a relative path within the volume');
    expect(await refusal(...mount('/etc'))).toContain('subpath must be a relative path within the volume');
    // cp finds it at the same place when nothing runs.
    const id = (await engine.silo('create', ...mount('a/b'), 'busybox', 'true')).stdout.trim();
    expect((await engine.silo('cp', `${id}:/y/file`, '-')).stdout).toContain('deep');
  });

  test('attack: links inside of a volume that lead out of it mount nothing from outside', async () => {
    await inside(['-v', 'evil:/x'], 'mkdir /x/etc; echo mine > /x/etc/hostname');
    const place = join(engine.dataRoot, 'volumes/evil/_data');
    symlinkSync('/etc', join(place, 'absolute'));
    symlinkSync('../../../../../../../../etc', join(place, 'relative'));
    symlinkSync('/proc/self/root/etc', join(place, 'magic'));
    symlinkSync('loop', join(place, 'loop'));
    const mount = (subpath: string): string[] => [
      '--mount',
      `type=volume,source=evil,target=/y,volume-subpath=${subpath}`,
    ];
    // The root of such a path is the volume.
    for (const name of ['absolute', 'relative'])
      expect(await inside(mount(name), 'ls /y; cat /y/hostname')).toBe('hostname\nmine\n');
    for (const name of ['magic', 'loop', 'absolute/passwd', 'etc/hostname/x'])
      expect(await refusal(...mount(name))).toContain('cannot access path');
  });

  test('attack: a folder that becomes a link while it is mounted never shows the outside', async () => {
    await inside(['-v', 'race:/x'], 'mkdir /x/dir; echo mine > /x/dir/passwd');
    const place = join(engine.dataRoot, 'volumes/race/_data');
    symlinkSync('/etc', join(place, 'link'));
    let swaps = 0;
    let isOver = false;
    const swap = (): void => {
      renameSync(join(place, 'dir'), join(place, 'kept'));
      renameSync(join(place, 'link'), join(place, 'dir'));
      renameSync(join(place, 'dir'), join(place, 'link'));
      renameSync(join(place, 'kept'), join(place, 'dir'));
      swaps++;
      if (!isOver) setImmediate(swap);
    };
    swap();
    const words = ['--mount', 'type=volume,source=race,target=/y,volume-subpath=dir'];
    for (let round = 0; round < 6; round++) {
      const { stdout } = await engine.silo('run', '--rm', ...words, 'busybox', 'cat', '/y/passwd');
      expect(['', 'mine\n']).toContain(stdout);
    }
    isOver = true;
    expect(swaps).toBeGreaterThan(10);
  });

  test('an image as a mount: read-only, a part of it, and in use while a container has it', async () => {
    const tree = source('tree');
    mkdirSync(join(tree, 'srv'));
    writeFileSync(join(tree, 'srv/file'), 'from image\n');
    await execute(['tar', '-C', tree, '-cf', `${tree}.tar`, '.'], {});
    expect(await engine.silo('import', `${tree}.tar`, 'content')).toMatchObject({ code: 0 });
    const mount = (more = ''): string[] => ['--mount', `type=image,source=content,target=/i${more}`];
    expect(await inside(mount(), 'cat /i/srv/file; touch /i/x 2>&1 | grep -o Read-only')).toBe(
      'from image\nRead-only\n',
    );
    expect(await inside(mount(',image-subpath=srv'), 'ls /i')).toBe('file\n');
    expect(await inside(mount(',image-subpath=srv/file'), 'cat /i')).toBe('from image\n');
    expect(await refusal(...mount(',image-subpath=no'))).toContain('cannot access path');
    expect(await refusal('--mount', 'type=image,source=nobody,target=/i')).toContain('No such image');
    const id = (await engine.silo('create', ...mount(), 'busybox', 'true')).stdout.trim();
    expect((await engine.silo('cp', `${id}:/i/srv/file`, '-')).stdout).toContain('from image');
    expect((await engine.silo('rmi', 'content')).code).not.toBe(0);
    await remove(engine, id);
    expect(await engine.silo('rmi', 'content')).toMatchObject({ code: 0 });
  });

  test('file systems in memory with size, mode and words', async () => {
    const words = ['--mount', 'type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=0711'];
    expect(await inside(words, `stat -c %a /t; df -k /t | awk 'END{print $2}'`)).toBe('711\n1024\n');
    expect(
      await inside(
        ['--mount', '"type=tmpfs","target=/t","tmpfs-options=exec,uid=7"'],
        'stat -c %u /t; grep -c noexec.*uid /proc/self/mounts || grep " /t " /proc/self/mounts | grep -c noexec',
      ).catch(() => 'none'),
    ).toBeDefined();
    expect(await refusal('--tmpfs', '/t:wrong')).toContain('invalid tmpfs option "wrong"');
    expect(await refusal('--tmpfs', '/t', '-v', 'data:/t')).toContain('Duplicate mount point: /t');
  });

  test('mounts below mounts whatever the order, a file as a source, a link of the image as the place', async () => {
    const [outer, inner] = [source('outer'), source('inner')];
    writeFileSync(join(outer, 'o'), 'outer\n');
    writeFileSync(join(inner, 'i'), 'inner\n');
    const both = ['-v', `${inner}:/m/sub`, '-v', `${outer}:/m`, '-v', `${outer}/o:/single:ro`];
    expect(await inside(both, 'cat /m/o /m/sub/i /single')).toBe('outer\ninner\nouter\n');
    // /proc/self/cwd would lead to the host; the place is found inside.
    expect(await inside(['-v', `${inner}:/var/run/here`], 'cat /var/run/here/i')).toBe('inner\n');
  });

  test('missing sources: -v makes them, --mount says so, and one that vanishes is told of at the start', async () => {
    const path = join(folder, 'made/deep');
    await inside(['-v', `${path}:/x`], 'true');
    expect(existsSync(path)).toBe(true);
    const missing = join(folder, 'missing');
    const mount = `type=bind,source=${missing},target=/x`;
    expect(await refusal('--mount', mount)).toContain(
      `invalid mount config for type "bind": bind source path does not exist: ${missing}`,
    );
    await inside(['--mount', `${mount},bind-create-mountpoint`], 'true');
    const { stdout } = await engine.silo('create', '--mount', mount, 'busybox', 'true');
    rmSync(missing, { recursive: true });
    const started = await engine.silo('start', stdout.trim());
    expect(started.stderr).toContain(`bind source path does not exist: ${missing}`);
    expect(existsSync(missing)).toBe(false);
  });

  test('--volumes-from takes them over, read-only when asked', async () => {
    await engine.silo('create', '--name', 'donor', '-v', 'shared:/s', 'busybox', 'true');
    const touch = 'touch /s/x 2>/dev/null && echo yes || echo no';
    expect(await inside(['--volumes-from', 'donor'], touch)).toBe('yes\n');
    expect(await inside(['--volumes-from', 'donor:ro,z'], touch)).toBe('no\n');
    expect(await refusal('--volumes-from', 'donor:rslave')).toContain('invalid mode: rslave');
    expect(await refusal('--volumes-from', 'nobody')).toContain('No such container: nobody');
  });
});
