import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKind } from '../base/errors.ts';
import { AT_FDCWD } from '../kernel/flags.ts';
import { statAt } from '../kernel/stat.ts';
import { getXattr, listXattrs } from '../kernel/xattr.ts';
import { createLayerApplier } from './apply.ts';
import { archive, member, output } from './tar-fixtures.ts';
import { defaultTarLimits, type TarLimits } from './tar-limits.ts';
import { createTarReader } from './tar-reader.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: layers are applied by root only (devices, ownership, trusted attributes)');

let outside: string;
let root: string;
beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), 'silo-apply-'));
  root = join(outside, 'layer');
  mkdirSync(root);
  mkdirSync(join(outside, 'etc'));
  writeFileSync(join(outside, 'etc', 'canary'), 'alive');
});
afterEach(() => rmSync(outside, { recursive: true, force: true }), 60_000);

function apply(data: Buffer, limits: TarLimits = defaultTarLimits): { sizeBytes: number; entries: number } {
  using applier = createLayerApplier(root, limits);
  const reader = createTarReader(applier, limits);
  reader.push(data);
  reader.finish();
  return applier.finish();
}

const at = (path: string): string => join(root, path);
const text = (path: string): string => readFileSync(at(path), 'utf8');
const status = (path: string) => statAt(AT_FDCWD, at(path));
const isWhiteout = (path: string): boolean => {
  const { mode, rdev } = status(path);
  return (mode & 0o170000) === 0o020000 && rdev.major === 0 && rdev.minor === 0;
};
const isOpaque = (path: string): boolean => getXattr(at(path), 'trusted.overlay.opaque')?.toString() === 'y';
const folder = (name: string, fields = {}): Buffer =>
  member({ type: 'directory', name, mode: 0o755, ...fields });
const link = (name: string, linkName: string): Buffer => member({ type: 'symlink', name, linkName });
const hardlink = (name: string, linkName: string): Buffer => member({ type: 'hardlink', name, linkName });

describe.skipIf(!isRoot)('a layer is applied exactly', () => {
  test('types, owners, modes and times to the nanosecond', () => {
    const mtime = { sec: 1234567890, nsec: 123456789 };
    const result = apply(
      archive(
        folder('./', { mode: 0o751, uid: 7, gid: 8, mtime }),
        folder('dir', { mode: 0o2775, gid: 50, mtime }),
        member({ name: 'dir/suid', mode: 0o6755, uid: 1000, gid: 1001, content: 'abc', mtime }),
        link('dir/link', '../suid'),
        hardlink('dir/hard', './dir/suid'),
        member({ type: 'char', name: 'null', mode: 0o666, devMajor: 1, devMinor: 3 }),
        member({ type: 'block', name: 'disk', mode: 0o660, gid: 6, devMajor: 259, devMinor: 300 }),
        member({ type: 'fifo', name: 'pipe', mode: 0o622 }),
      ),
    );
    expect(result).toMatchObject({ sizeBytes: 3, entries: 8 });
    const mtimeNs = 1234567890123456789n;
    expect(status('.')).toMatchObject({ mode: 0o040751, uid: 7, gid: 8, mtimeNs });
    expect(status('dir')).toMatchObject({ mode: 0o042775, gid: 50, mtimeNs });
    expect(status('dir/suid')).toMatchObject({ mode: 0o106755, uid: 1000, gid: 1001, nlink: 2, mtimeNs });
    expect(status('dir/hard').ino).toBe(status('dir/suid').ino);
    expect(readlinkSync(at('dir/link'))).toBe('../suid');
    expect(status('null')).toMatchObject({ mode: 0o020666, rdev: { major: 1, minor: 3 } });
    expect(status('disk')).toMatchObject({ mode: 0o060660, gid: 6, rdev: { major: 259, minor: 300 } });
    expect(status('pipe').mode).toBe(0o010622);
  });

  test('capabilities and user attributes are set, those that would speak to the host or to overlayfs are dropped', () => {
    // VFS_CAP_REVISION_2 with cap_net_raw, effective.
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    const xattrs = new Map([
      ['security.capability', capability],
      ['user.note', Buffer.from('kept')],
      ['trusted.overlay.opaque', Buffer.from('y')],
      ['trusted.overlay.redirect', Buffer.from('/etc')],
      ['security.selinux', Buffer.from('x')],
      ['user.overlay.opaque', Buffer.from('y')],
    ]);
    apply(archive(member({ name: 'ping', mode: 0o755, uid: 3, xattrs }), folder('d', { xattrs })));
    for (const name of ['ping', 'd'])
      expect(listXattrs(at(name)).sort()).toEqual(['security.capability', 'user.note']);
    expect(getXattr(at('ping'), 'security.capability')).toEqual(capability);
  });

  test('names that are not UTF-8 keep their bytes', () => {
    const name = 'd\xff/\xfe\xe9';
    apply(
      archive(
        folder('d\xff'),
        member({ name, content: 'x' }),
        hardlink('h\xf0', name),
        link('l\x80', 't\xff'),
      ),
    );
    const names = readdirSync(root, { encoding: 'buffer' }).map((each) => each.toString('latin1'));
    expect(names.sort()).toEqual(['d\xff', 'h\xf0', 'l\x80']);
    expect(readlinkSync(Buffer.concat([Buffer.from(`${root}/l`), Buffer.from([0x80])]), 'buffer')).toEqual(
      Buffer.from('t\xff', 'latin1'),
    );
    expect(readFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, 'latin1')]), 'utf8')).toBe(
      'x',
    );
  });

  test('a sparse file made by GNU tar has its contents, its size and its holes', () => {
    writeFileSync(join(outside, 'sparse'), 'start');
    output('truncate', ['-s', '5M', join(outside, 'sparse')]);
    for (const version of ['0.0', '0.1', '1.0', 'old']) {
      const format = version === 'old' ? ['--format=gnu'] : ['--format=posix', `--sparse-version=${version}`];
      apply(output('tar', ['-C', outside, '-S', ...format, '-cf', '-', 'sparse']));
      expect(readFileSync(at('sparse')).equals(readFileSync(join(outside, 'sparse')))).toBe(true);
      expect(status('sparse').allocatedBytes).toBeLessThan(100_000);
    }
  });

  test('parents that the archive lacks are made, root’s and 0755, with time zero', () => {
    const before = process.umask(0o077);
    apply(archive(member({ name: 'a/b/c', content: 'x' })));
    process.umask(before);
    expect(text('a/b/c')).toBe('x');
    for (const path of ['a', 'a/b'])
      expect(status(path)).toMatchObject({ mode: 0o040755, uid: 0, mtimeNs: 0n });
  });

  test('more folders than descriptors are kept, deep and wide', () => {
    const deep = Array.from({ length: 400 }, (_, i) => `n${i}`).join('/');
    const wide = Array.from({ length: 600 }, (_, i) => member({ name: `w${i % 300}/f${i}`, content: 'w' }));
    apply(archive(member({ name: `${deep}/f`, content: 'deep' }), ...wide, hardlink('w0/deep', `${deep}/f`)));
    expect(text('w0/deep')).toBe('deep');
    expect(text('w299/f599')).toBe('w');
    expect(status('w7').mtimeNs).toBe(0n);
  }, 60_000);
});

describe.skipIf(!isRoot)('whiteouts', () => {
  test('become character devices 0:0, opaque markers the attribute of overlayfs', () => {
    apply(
      archive(
        folder('d'),
        member({ name: 'd/.wh..wh..opq' }),
        member({ name: '.wh.gone' }),
        member({ name: 'p/.wh.q' }),
      ),
    );
    expect(isWhiteout('gone')).toBe(true);
    expect(isWhiteout('p/q')).toBe(true);
    expect(isOpaque('d')).toBe(true);
    expect(readdirSync(at('d'))).toEqual([]);
  });

  test('do not touch what the same layer brings, whichever comes first', () => {
    apply(
      archive(
        member({ name: 'a', content: 'kept' }),
        member({ name: '.wh.a' }),
        member({ name: '.wh.b' }),
        member({ name: 'b', content: 'kept' }),
      ),
    );
    expect([text('a'), text('b')]).toEqual(['kept', 'kept']);
  });

  test('of a folder that the same layer brings make it opaque, whichever comes first', () => {
    apply(
      archive(
        folder('a'),
        member({ name: '.wh.a' }),
        member({ name: '.wh.b' }),
        folder('b'),
        member({ name: '.wh.c' }),
        member({ name: 'c/file', content: 'x' }),
      ),
    );
    expect(['a', 'b', 'c'].map(isOpaque)).toEqual([true, true, true]);
    expect(text('c/file')).toBe('x');
  });

  test('of aufs’ own bookkeeping are passed over, of no name are refused', () => {
    apply(
      archive(folder('.wh..wh.plnk'), member({ name: '.wh..wh.plnk/1.2' }), member({ name: '.wh..wh.aufs' })),
    );
    expect(readdirSync(root)).toEqual([]);
    for (const name of ['.wh.', '.wh..', '.wh...', 'd/.wh...', '.wh.x/y'])
      expect(() => apply(archive(member({ name })))).toThrow(/whiteout/);
  });
});

describe.skipIf(!isRoot)('a name that comes twice', () => {
  const kinds: [string, Buffer, () => void][] = [
    ['file', member({ name: 'x', content: 'file' }), () => expect(text('x')).toBe('file')],
    [
      'folder',
      Buffer.concat([folder('x'), member({ name: 'x/in', content: 'in' })]),
      () => expect(text('x/in')).toBe('in'),
    ],
    ['link', link('x', 'to'), () => expect(readlinkSync(at('x'))).toBe('to')],
    ['hard link', hardlink('x', 'other'), () => expect(text('x')).toBe('other')],
    ['fifo', member({ type: 'fifo', name: 'x' }), () => expect(lstatSync(at('x')).isFIFO()).toBe(true)],
  ];
  const pairs = kinds.flatMap((first) => kinds.map((second) => [first, second] as const));
  test.each(pairs.map(([a, b]) => [a[0], b[0], a, b] as const))(
    '%s, then %s: the last wins',
    (_a, _b, first, second) => {
      apply(archive(member({ name: 'other', content: 'other' }), first[1], second[1]));
      second[2]();
      expect(text('other')).toBe('other');
    },
  );

  test('as a folder keeps what is in it and takes the later attributes', () => {
    apply(archive(folder('d'), member({ name: 'd/f', content: 'kept' }), folder('d/', { mode: 0o700 })));
    expect(text('d/f')).toBe('kept');
    expect(status('d').mode & 0o7777).toBe(0o700);
  });
});

describe.skipIf(!isRoot)('nothing reaches outside of the folder', () => {
  afterEach(() => {
    expect(readFileSync(join(outside, 'etc', 'canary'), 'utf8')).toBe('alive');
    expect(readdirSync(join(outside, 'etc'))).toEqual(['canary']);
    expect(readdirSync(outside).sort()).toEqual(['etc', 'layer']);
    expect(statAt(AT_FDCWD, join(outside, 'etc')).mode & 0o7777).toBe(0o755);
  });

  test('paths that climb or are absolute are taken from the folder itself', () => {
    apply(
      archive(
        member({ name: '../etc/a', content: '1' }),
        member({ name: `${outside}/etc/b`, content: '2' }),
        member({ name: 'x/../../../etc/c', content: '3' }),
        member({ name: '/../..//./etc/./d', content: '4' }),
        folder('..', { mode: 0o711 }),
      ),
    );
    expect(readdirSync(at('etc')).sort()).toEqual(['a', 'c', 'd']);
    expect(text(`${outside}/etc/b`)).toBe('2');
  });

  test.each(['../etc', '/etc', '../../../../../../etc', '/proc/self/root/etc', '.././etc/.'])(
    'a file below a link to %s lands inside, or is refused',
    (target) => {
      const data = archive(link('l', target), folder('etc'), member({ name: 'l/evil', content: 'x' }));
      let failure: unknown;
      try {
        apply(data);
      } catch (error) {
        failure = error;
      }
      if (failure !== undefined) expect(isKind(failure, 'corrupt')).toBe(true);
      else expect(output('find', [root, '-name', 'evil', '-type', 'f']).toString()).toContain('/evil');
    },
  );

  test('links among parents are followed inside the folder, as the archive’s author meant', () => {
    apply(
      archive(
        folder('usr/lib', { mtime: { sec: 5, nsec: 0 } }),
        link('lib', '/usr/lib'),
        link('usr/up', '../lib/..'),
        member({ name: 'lib/f', content: 'f' }),
        folder('lib/sub', { mtime: { sec: 6, nsec: 0 } }),
        member({ name: 'usr/up/g', content: 'g' }),
        hardlink('h', 'lib/f'),
      ),
    );
    expect([text('usr/lib/f'), text('usr/g'), text('h')]).toEqual(['f', 'g', 'f']);
    expect(status('usr/lib').mtimeNs).toBe(5_000_000_000n);
    expect(status('usr/lib/sub').mtimeNs).toBe(6_000_000_000n);
  });

  test.each([
    ['a ring of links', archive(link('a', 'b'), link('b', 'a'), member({ name: 'a/f' }))],
    [
      'a link that hangs',
      archive(link('a', 'nowhere/../..'), link('nowhere', 'nowhere'), member({ name: 'a/f' })),
    ],
    ['a file as parent', archive(member({ name: 'a' }), member({ name: 'a/f' }))],
    [
      'a device as parent',
      archive(member({ type: 'char', name: 'a', devMajor: 1, devMinor: 3 }), member({ name: 'a/f' })),
    ],
    ['a hard link to what is only outside', archive(hardlink('h', '../etc/canary'))],
    ['a hard link to an absolute path outside', archive(hardlink('h', '/etc/canary'))],
    ['a hard link through a link', archive(link('l', '../etc'), hardlink('h', 'l/canary'))],
    ['a hard link to a folder', archive(folder('d'), hardlink('h', 'd'))],
    ['a hard link to the root', archive(hardlink('h', '/'))],
    ['a hard link to itself', archive(member({ name: 'h' }), hardlink('h', './h'))],
    ['a root that is a file', archive(member({ name: './', type: 'symlink', linkName: '/etc' }))],
    ['a name of 300 bytes', archive(member({ name: 'n'.repeat(300) }))],
  ])('%s is refused', (_, data) => {
    let failure: unknown;
    try {
      apply(data);
    } catch (error) {
      failure = error;
    }
    expect(isKind(failure, 'corrupt')).toBe(true);
    expect(String(failure)).toMatch(/at offset \d+/);
  });

  test('a hard link to a symbolic link links the link', () => {
    apply(archive(link('l', '../etc/canary'), hardlink('h', 'l')));
    expect(readlinkSync(at('h'))).toBe('../etc/canary');
  });

  test('replacing a link by a folder does not touch what it points to', () => {
    apply(
      archive(
        link('l', '../etc'),
        folder('l', { mode: 0o700, uid: 9 }),
        member({ name: 'l/f', content: 'in' }),
      ),
    );
    expect(text('l/f')).toBe('in');
    expect(status('l').uid).toBe(9);
  });

  test('folders made for entries without parents count against the limit', () => {
    const names = Array.from({ length: 50 }, (_, i) => member({ name: `${i}/a/b/c/d/e` }));
    expect(() => apply(archive(...names), { ...defaultTarLimits, maxEntries: 100 })).toThrow(
      /too many folders/,
    );
  });
});

test.skipIf(!isRoot)('a tree packed by GNU tar and applied is the same tree', () => {
  const source = join(outside, 'source');
  mkdirSync(join(source, 'sub', 'empty'), { recursive: true });
  for (let i = 0; i < 50; i++)
    writeFileSync(join(source, 'sub', `f${i}`), 'x'.repeat(i * 997), { mode: 0o600 + (i % 64) });
  output('tar', ['-C', source, '--format=posix', '-cf', join(outside, 't.tar'), '.']);
  apply(readFileSync(join(outside, 't.tar')));
  const listing = (path: string): string =>
    output('find', ['.', '-printf', '%P %y %m %U %G %s %T@ %l\\n'], { cwd: path })
      .toString()
      .split('\n')
      .sort()
      .join('\n');
  const ofFolders = /^(.* d .*?) \d+ (\d+\.\d+ )$/gm;
  expect(listing(root).replace(ofFolders, '$1 $2')).toBe(listing(source).replace(ofFolders, '$1 $2'));
  output('diff', ['-r', source, root]);
});
