import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeDescriptor } from './at.ts';
import { O_PATH } from './flags.ts';
import { isMountPoint, mountInfo, parseMountInfo } from './mount-info.ts';
import {
  attachMount,
  bindMount,
  idmappedClone,
  makePrivate,
  mountAt,
  mountOverlay,
  mountOverlayByDescriptors,
  mountTmpfs,
  cloneOverlay,
  openOverlay,
  openOverlayByDescriptors,
  unmount,
  type MountOverlay,
} from './mount.ts';
import { createUserNamespace, openNamespace } from './namespace.ts';
import { openRoot } from './rooted.ts';

const root = process.getuid?.() === 0;
if (!root) console.log('skipped: mounts need root');

describe.skipIf(!root)('mounts', () => {
  let folder = '';
  let counter = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'silo-mount-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const make = (...path: string[]): string => {
    const directory = join(folder, ...path);
    mkdirSync(directory, { recursive: true });
    return directory;
  };
  const mounted = (target: string): Disposable => ({
    [Symbol.dispose]: () => unmount(target, { detach: true }),
  });

  const manyLayers = (): MountOverlay => {
    const base = make(`overlay-${counter++}`);
    const at = (...path: string[]): string => make(base.slice(folder.length), ...path);
    const lower = Array.from({ length: 128 }, (_, index) =>
      at('a'.repeat(200), 'b'.repeat(100), String(index)),
    );
    for (const [index, directory] of lower.entries()) {
      writeFileSync(join(directory, `only-${index}`), '');
      writeFileSync(join(directory, 'shared'), String(index));
    }
    return { lower, upper: at('upper'), work: at('work'), target: at('target') };
  };

  test('128 layers with long paths become one tree, the first on top', () => {
    const request = manyLayers();
    mountOverlay(request);
    using _ = mounted(request.target);
    expectMerged(request);
  });

  test('the same without lowerdir+, as on older kernels', () => {
    const request = manyLayers();
    using opened = new DisposableStack();
    mountOverlayByDescriptors(request, opened);
    using _ = mounted(request.target);
    opened.dispose();
    expectMerged(request);
  });

  test.each([
    ['as this kernel can', openOverlay],
    ['as older kernels can', openOverlayByDescriptors],
  ])('an overlay can be opened without being mounted anywhere, %s', (_how, open) => {
    const base = `view-${counter++}`;
    const [top, low, scratch] = [make(base, 'top'), make(base, 'low'), make(base, 'scratch')];
    writeFileSync(join(top, 'file'), 'top');
    writeFileSync(join(low, 'file'), 'low');
    writeFileSync(join(low, 'other'), 'low');
    const fd = open({ lower: [top, low], scratch });
    const view = `/proc/self/fd/${fd}`;
    try {
      expect(readdirSync(view).toSorted()).toEqual(['file', 'other']);
      expect(readFileSync(join(view, 'file'), 'utf8')).toBe('top');
      expect(() => writeFileSync(join(view, 'x'), '')).toThrow('EROFS');
      expect(mountInfo().some((mount) => mount.target === scratch)).toBe(false);
    } finally {
      closeSync(fd);
    }
    expect(readdirSync(scratch)).toEqual([]);
  });

  test('a clone of a mounted overlay outlives its unmounting, without what was mounted in it', () => {
    const request = { ...manyLayers(), target: make(`clone-${counter++}`) };
    expect(cloneOverlay(request.target)).toBeUndefined();
    let fd: number | undefined;
    {
      mountOverlay(request);
      using _ = mounted(request.target);
      mkdirSync(join(request.target, 'inner'));
      mountTmpfs({ target: join(request.target, 'inner') });
      writeFileSync(join(request.target, 'inner', 'hidden'), '');
      fd = cloneOverlay(request.target);
    }
    if (fd === undefined) throw new Error('no overlay');
    try {
      expect(readdirSync(`/proc/self/fd/${fd}`)).toContain('inner');
      expect(readdirSync(`/proc/self/fd/${fd}/inner`)).toEqual([]);
    } finally {
      closeSync(fd);
    }
  });

  test('paths with the characters that overlayfs treats specially are taken literally', () => {
    const odd = (name: string): string => make('odd', `a:b,c d\\134 #${name}`);
    const request = { lower: [odd('l1'), odd('l2')], upper: odd('u'), work: odd('w'), target: odd('t') };
    mountOverlay(request);
    using _ = mounted(request.target);
    writeFileSync(join(request.target, 'x'), 'x');
    expect(readdirSync(request.upper)).toEqual(['x']);
    expect(mountInfo().some((mount) => mount.target === request.target && mount.type === 'overlay')).toBe(
      true,
    );
  });

  test('a read-only overlay refuses writes, with and without an upper folder', () => {
    const lower = [make('ro', '1'), make('ro', '2')];
    const target = make('ro', 'target');
    const requests = [
      { lower, target },
      { lower, target, upper: make('ro', 'u'), work: make('ro', 'w'), readOnly: true },
    ];
    for (const request of requests) {
      mountOverlay(request);
      using _ = mounted(target);
      expect(() => writeFileSync(join(target, 'x'), '')).toThrow('EROFS');
    }
    expect(() => mountOverlay({ lower, target, upper: make('ro', 'u') })).toThrow('both');
  });

  test('a refused mount carries the words of the file system', () => {
    const target = make('refused');
    expect(() => mountOverlay({ lower: [join(folder, 'absent')], target })).toThrow('ENOENT');
    const bad = (): void => mountAt({ type: 'tmpfs', target, options: { nonsense: '1' } });
    expect(bad).toThrow(/fsconfig nonsense "1": invalid argument \(EINVAL\): .*Unknown parameter 'nonsense'/);
    expect(() => mountAt({ type: 'no-such-type', target })).toThrow('ENODEV');
    expect(isMountPoint(target)).toBe(false);
  });

  test('a tmpfs has the size, mode and attributes asked for', () => {
    const target = make('tmpfs');
    const attributes = { noSuid: true, noDev: true, noExec: true };
    mountTmpfs({ target, sizeBytes: 1 << 20, mode: 0o1777, attributes });
    using _ = mounted(target);
    const { blocks, bsize } = statfsSync(target);
    expect(blocks * bsize).toBe(1 << 20);
    expect(lstatSync(target).mode & 0o7777).toBe(0o1777);
    const mount = mountInfo().find((one) => one.target === target);
    expect(mount).toMatchObject({ type: 'tmpfs', source: 'tmpfs', root: '/' });
    expect(mount?.options).toEqual(expect.arrayContaining(['rw', 'nosuid', 'nodev', 'noexec']));
    expect(isMountPoint(target)).toBe(true);
    expect(isMountPoint(folder)).toBe(false);
    expect(isMountPoint(join(target, 'absent'))).toBe(false);
  });

  test('a recursive read-only bind makes the mounts below read-only too, and leaves the source alone', () => {
    const source = make('bind', 'source');
    const below = make('bind', 'source', 'below');
    const target = make('bind', 'target');
    mountTmpfs({ target: below });
    using _below = mounted(below);
    bindMount({ source, target, recursive: true, attributes: { readOnly: true } });
    using _target = mounted(target);
    expect(() => writeFileSync(join(target, 'x'), '')).toThrow('EROFS');
    expect(() => writeFileSync(join(target, 'below', 'x'), '')).toThrow('EROFS');
    writeFileSync(join(below, 'y'), '');
    expect(existsSync(join(target, 'below', 'y'))).toBe(true);
  });

  test('a bind of a file inside a foreign tree is pinned by descriptors', () => {
    const tree = make('pinned', 'tree');
    writeFileSync(join(tree, 'hosts'), 'image');
    symlinkSync('/hosts', join(tree, 'link'));
    const source = join(make('pinned'), 'ours');
    writeFileSync(source, 'engine');
    using rooted = openRoot(tree);
    const place = rooted.open('/link', O_PATH);
    bindMount({ source, target: place });
    closeDescriptor(place);
    using _ = mounted(join(tree, 'hosts'));
    expect(readFileSync(join(tree, 'hosts'), 'utf8')).toBe('engine');
    expect(() => unmount(join(tree, 'link'))).toThrow('EINVAL');
  });

  test('a mount is not attached over a final symbolic link', () => {
    const victim = make('follow', 'victim');
    symlinkSync(victim, join(folder, 'follow', 'link'));
    expect(() => mountTmpfs({ target: join(folder, 'follow', 'link') })).toThrow();
    expect(isMountPoint(victim)).toBe(false);
  });

  test('a private mount has no peers', () => {
    const target = make('private');
    mountTmpfs({ target });
    using _ = mounted(target);
    makePrivate(target);
    expect(mountInfo().find((one) => one.target === target)?.propagation).toEqual([]);
  });

  test('unmounting what is not mounted fails, what is busy only when not detached', () => {
    const target = make('busy');
    expect(() => unmount(target)).toThrow('EINVAL');
    mountTmpfs({ target });
    writeFileSync(join(target, 'x'), '');
    using rooted = openRoot(target);
    expect(() => unmount(target)).toThrow('EBUSY');
    unmount(target, { detach: true });
    expect(isMountPoint(target)).toBe(false);
    expect(rooted.stat('x').sizeBytes).toBe(0);
  });

  test('an idmapped clone shows owners shifted and writes them back', () => {
    const source = make('idmap', 'source');
    const target = make('idmap', 'target');
    writeFileSync(join(source, 'file'), '');
    chownSync(join(source, 'file'), 5, 6);
    const map = [{ insideId: 0, outsideId: 200_000, count: 65_536 }];
    const namespace = createUserNamespace({ users: map, groups: map });
    const clone = idmappedClone(source, namespace, { attributes: { noDev: true } });
    closeDescriptor(namespace);
    attachMount(clone, target);
    closeDescriptor(clone);
    using _ = mounted(target);
    expect(lstatSync(join(target, 'file'))).toMatchObject({ uid: 200_005, gid: 200_006 });
    expect(lstatSync(join(source, 'file'))).toMatchObject({ uid: 5, gid: 6 });
  });

  test('unmounting an idmapped clone leaves what is mounted below a shared source', () => {
    const source = make('shared', 'source');
    const target = make('shared', 'target');
    mountTmpfs({ target: source });
    using _source = mounted(source);
    expect(spawnSync('mount', ['--make-rshared', source]).status).toBe(0);
    const below = join(source, 'below');
    mkdirSync(below);
    mountTmpfs({ target: below });
    using _below = mounted(below);
    const map = [{ insideId: 0, outsideId: 200_000, count: 65_536 }];
    const namespace = createUserNamespace({ users: map, groups: map });
    const clone = idmappedClone(source, namespace, { recursive: true });
    closeDescriptor(namespace);
    attachMount(clone, target);
    closeDescriptor(clone);
    expect(isMountPoint(join(target, 'below'))).toBe(true);
    unmount(target, { detach: true });
    expect(isMountPoint(below)).toBe(true);
  });

  test('a user namespace is made without leaving a process', () => {
    const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
    const map = [{ insideId: 0, outsideId: 300_000, count: 10 }];
    const namespace = createUserNamespace({ users: map, groups: map });
    const own = openNamespace('self', 'user');
    const link = (fd: number): string => readlinkSync(`/proc/self/fd/${fd}`);
    expect(link(namespace)).not.toBe(link(own));
    closeDescriptor(namespace);
    closeDescriptor(own);
    expect(() => createUserNamespace({ users: [...map, ...map], groups: map })).toThrow();
    expect(readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')).toBe(children);
  });
});

test('a line of mountinfo is read with its escapes and any number of propagation fields', () => {
  const line = String.raw`36 35 98:0 /mnt1 /mnt\0402\134 rw,noatime master:1 shared:7 - ext3 /dev/ro\011ot rw,errors=continue`;
  expect(parseMountInfo(`${line}\n`)).toEqual([
    {
      id: 36,
      parentId: 35,
      device: '98:0',
      root: '/mnt1',
      target: '/mnt 2\\',
      options: ['rw', 'noatime'],
      propagation: ['master:1', 'shared:7'],
      type: 'ext3',
      source: '/dev/ro\tot',
      superOptions: ['rw', 'errors=continue'],
    },
  ]);
});

function expectMerged(request: MountOverlay): void {
  expect(readFileSync(join(request.target, 'shared'), 'utf8')).toBe('0');
  expect(existsSync(join(request.target, 'only-127'))).toBe(true);
  writeFileSync(join(request.target, 'written'), 'x');
  expect(readFileSync(join(request.upper ?? '', 'written'), 'utf8')).toBe('x');
}
