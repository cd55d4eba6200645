import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKind, SiloError } from '../base/errors.ts';
import { formatPaxRecord, formatPaxTime, parsePaxTime } from './pax.ts';
import { archive, extension, member, output, patched, readAll } from './tar-fixtures.ts';
import { defaultTarLimits } from './tar-limits.ts';
import { createTarReader } from './tar-reader.ts';

const name200 = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(120)}`;

function failure(work: () => unknown): SiloError {
  try {
    work();
  } catch (error) {
    if (error instanceof SiloError) return error;
    throw error;
  }
  throw new Error('did not fail');
}

describe('archives of other programs', () => {
  let folder: string;
  const sizes = { plain: 1000, sparse: 3_000_000 };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'silo-tar-'));
    writeFileSync(join(folder, 'plain'), 'x'.repeat(sizes.plain));
    output('ln', [join(folder, 'plain'), join(folder, 'second')]);
    output('ln', ['-s', '/etc/target', join(folder, 'link')]);
    output('mkdir', ['-p', join(folder, 'd'.repeat(90), 'e'.repeat(90))]);
    writeFileSync(join(folder, name200), 'deep');
    output('mkfifo', [join(folder, 'pipe')]);
    const sparse = openSync(join(folder, 'sparse'), 'w');
    for (let i = 0; i < 9; i++) writeSync(sparse, `region ${i}`, i * 300_000, 'latin1');
    ftruncateSync(sparse, sizes.sparse);
    closeSync(sparse);
    output('touch', ['-d', '@1234567890.123456789', join(folder, 'plain')]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const gnu = (...args: string[]): Buffer =>
    output('tar', [...args, '--sort=name', '-cf', '-', '.'], { cwd: folder });
  const python = (format: string): Buffer =>
    output('python3', [
      '-c',
      `import tarfile,sys
t=tarfile.open(fileobj=sys.stdout.buffer,mode='w|',format=tarfile.${format})
t.add(sys.argv[1],arcname='.')
t.close()`,
      folder,
    ]);

  test.each([
    ['GNU tar, gnu format', () => gnu('--format=gnu')],
    ['GNU tar, gnu format, old sparse', () => gnu('--format=gnu', '--sparse')],
    ['GNU tar, pax format', () => gnu('--format=posix')],
    ['GNU tar, pax format, sparse 0.0', () => gnu('--format=posix', '--sparse', '--sparse-version=0.0')],
    ['GNU tar, pax format, sparse 0.1', () => gnu('--format=posix', '--sparse', '--sparse-version=0.1')],
    ['GNU tar, pax format, sparse 1.0', () => gnu('--format=posix', '--sparse', '--sparse-version=1.0')],
    ['Python, pax format', () => python('PAX_FORMAT')],
    ['Python, gnu format', () => python('GNU_FORMAT')],
  ])('%s is read whole, whatever the size of the pieces', (_, make) => {
    const data = make();
    for (const chunkBytes of [data.length, 512, 511, 4097]) {
      const entries = new Map(readAll(data, { chunkBytes }).map((e) => [e.name.replace(/^\.\//, ''), e]));
      const plain = entries.get('plain');
      const second = entries.get('second');
      expect(new Set([plain?.type, second?.type])).toEqual(new Set(['file', 'hardlink']));
      expect((plain?.type === 'file' ? plain : second)?.content.toString()).toBe('x'.repeat(sizes.plain));
      expect(entries.get('link')).toMatchObject({ type: 'symlink', linkName: '/etc/target' });
      expect(entries.get(name200)?.content.toString()).toBe('deep');
      expect(entries.get('pipe')?.type).toBe('fifo');
      const sparse = entries.get('sparse');
      expect(sparse?.size).toBe(sizes.sparse);
      for (let i = 0; i < 9; i++)
        expect(sparse?.content.toString('latin1', i * 300_000, i * 300_000 + 9)).toBe(`region ${i}\0`);
    }
  });

  test('times of the pax format are exact to the nanosecond', () => {
    const entry = readAll(gnu('--format=posix')).find((e) => e.name.endsWith('/plain'));
    expect(entry?.mtime).toEqual({ sec: 1234567890, nsec: 123456789 });
  });
});

describe('the writer', () => {
  const members = [
    member({ name: 'a/b', content: 'hello' }),
    member({ type: 'directory', name: name200 }),
    member({ type: 'symlink', name: 'l', linkName: 'x'.repeat(300) }),
    member({ type: 'char', name: 'c', devMajor: 5, devMinor: 1 }),
    member({ name: 'big-ids', uid: 3_000_000, gid: 4_000_000_000 }),
    member({ name: 'old', mtime: { sec: -2, nsec: 500_000_000 } }),
    member({ name: 'bytes-\xff\xfe', xattrs: new Map([['user.k', Buffer.from([0, 10, 61, 255])]]) }),
  ];

  test('writes what the reader reads back', () => {
    const entries = readAll(archive(...members), { chunkBytes: 700 });
    expect(entries.map((e) => e.name)).toEqual([
      'a/b',
      `${name200}/`,
      'l',
      'c',
      'big-ids',
      'old',
      'bytes-\xff\xfe',
    ]);
    expect(entries[0]?.content.toString()).toBe('hello');
    expect(entries[2]?.linkName).toBe('x'.repeat(300));
    expect(entries[3]).toMatchObject({ type: 'char', devMajor: 5, devMinor: 1 });
    expect(entries[4]).toMatchObject({ uid: 3_000_000, gid: 4_000_000_000 });
    expect(entries[5]?.mtime).toEqual({ sec: -2, nsec: 500_000_000 });
    expect(entries[6]?.xattrs?.get('user.k')).toEqual(Buffer.from([0, 10, 61, 255]));
  });

  test('writes the same bytes each time, and what GNU tar lists', () => {
    expect(archive(...members).equals(archive(...members))).toBe(true);
    const listed = output('tar', ['-tf', '-', '--quoting-style=literal'], { input: archive(...members) });
    expect(listed.toString('latin1').split('\n').slice(0, 3)).toEqual(['a/b', `${name200}/`, 'l']);
  });
});

describe('numbers and records', () => {
  test('a base-256 number is read, a negative size is not', () => {
    const big = patched({ uid: 0 }, (block) => {
      block.fill(0, 108, 116);
      block[108] = 0x80;
      block.writeUInt32BE(3_000_000_000, 112);
    });
    expect(readAll(archive(big))[0]?.uid).toBe(3_000_000_000);
    const negative = patched({}, (block) => void block.fill(0xff, 124, 136));
    expect(
      isKind(
        failure(() => readAll(archive(negative))),
        'corrupt',
      ),
    ).toBe(true);
  });

  test('the length of a PAX record counts its own digits', () => {
    expect(formatPaxRecord('path', 'abc')).toBe('12 path=abc\n');
    for (let n = 1; n < 1100; n++) {
      const record = formatPaxRecord('k', 'v'.repeat(n));
      expect(Number(record.slice(0, record.indexOf(' ')))).toBe(record.length);
    }
  });

  test('PAX times are parsed and written exactly', () => {
    for (const text of ['0', '1.5', '-1.5', '-0.5', '1234567890.123456789', '-3'])
      expect(formatPaxTime(parsePaxTime(text) ?? { sec: 9, nsec: 9 })).toBe(text);
    for (const text of ['', 'x', '1e9', '--1', '1.2.3']) expect(parsePaxTime(text)).toBeUndefined();
  });

  test('a local record beats the header, an empty one gives it back, a global one reaches all that follow', () => {
    const data = archive(
      extension('g', formatPaxRecord('uid', '77')),
      extension('x', formatPaxRecord('uid', '88') + formatPaxRecord('path', 'renamed')),
      member({ name: 'a' }),
      member({ name: 'b' }),
      extension('x', formatPaxRecord('uid', '')),
      member({ name: 'c', uid: 5 }),
    );
    expect(readAll(data).map((e) => [e.name, e.uid])).toEqual([
      ['renamed', 88],
      ['b', 77],
      ['c', 5],
    ]);
  });
});

test('global records may not fill the memory, however many headers bring them', () => {
  const half = 'v'.repeat(defaultTarLimits.maxExtensionBytes / 2 - 100);
  const same = Array.from({ length: 4 }, () => extension('g', formatPaxRecord('comment', half)));
  expect(readAll(archive(...same, member({ name: 'a' }))).map(({ name }) => name)).toEqual(['a']);
  const others = Array.from({ length: 4 }, (_, index) => extension('g', formatPaxRecord(`c${index}`, half)));
  expect(failure(() => readAll(archive(...others))).code).toBe('archive-limit');
});

describe('hostile archives are refused as corrupt, with the entry and the offset', () => {
  const limits = { ...defaultTarLimits, maxEntries: 100, maxTarBytes: 1 << 24, maxFileBytes: 1 << 30 };
  const sparse = (map: string, realSize: string, stored: number): Buffer =>
    Buffer.concat([
      extension(
        'x',
        formatPaxRecord('GNU.sparse.major', '0') +
          formatPaxRecord('GNU.sparse.minor', '1') +
          formatPaxRecord('GNU.sparse.size', realSize) +
          formatPaxRecord('GNU.sparse.map', map),
      ),
      member({ content: 'x'.repeat(stored) }),
    ]);
  const sparse1 = (text: string): Buffer =>
    Buffer.concat([
      extension(
        'x',
        formatPaxRecord('GNU.sparse.major', '1') +
          formatPaxRecord('GNU.sparse.minor', '0') +
          formatPaxRecord('GNU.sparse.realsize', '100000'),
      ),
      member({ content: text }),
    ]);

  test.each<[string, Buffer]>([
    ['a wrong checksum', Buffer.from(member({}).fill('7', 148, 154))],
    ['letters in an octal number', patched({}, (b) => void b.write('zz', 124))],
    ['an unknown type', patched({}, (b) => void b.write('Q', 156))],
    ['a multi-volume member', patched({}, (b) => void b.write('M', 156))],
    ['a PAX length that reaches beyond', extension('x', '99 path=a\n')],
    ['a PAX length of nothing', extension('x', '0 path=a\n')],
    ['a PAX length that is short', extension('x', '8 path=abcdef\n')],
    ['a PAX length without end', extension('x', '9'.repeat(5000))],
    ['a PAX record without a key', extension('x', '5 =a\n')],
    ['a NUL in a path', Buffer.concat([extension('x', formatPaxRecord('path', 'a\0b')), member({})])],
    [
      'a PAX size that is no number',
      Buffer.concat([extension('x', formatPaxRecord('size', '-1')), member({})]),
    ],
    [
      'a PAX size above all',
      Buffer.concat([extension('x', formatPaxRecord('size', '9'.repeat(15))), member({})]),
    ],
    [
      'a user id that means "unchanged"',
      Buffer.concat([extension('x', formatPaxRecord('uid', '4294967295')), member({})]),
    ],
    ['an extension of four gigabytes', extension('x', 'x', 4 * 2 ** 30 - 1)],
    ['a long name without an entry', archive(extension('L', 'name\0'))],
    ['a path of 5000 bytes', Buffer.concat([extension('L', 'p'.repeat(5000)), member({})])],
    ['a link to nothing', member({ type: 'symlink', name: 'l', linkName: '' })],
    ['a sparse map that overlaps', sparse('0,10,5,10', '100', 20)],
    ['a sparse map beyond the end', sparse('95,10', '100', 10)],
    ['a sparse map that wants more data', sparse('0,50', '100', 10)],
    ['a sparse map of odd length', sparse('0,10,20', '100', 10)],
    ['a sparse map with a sign', sparse('-5,10', '100', 10)],
    ['a sparse file of eight exabytes', sparse('0,10', '9000000000000000', 10)],
    ['a sparse 1.0 map that claims millions', sparse1('999999999\n')],
    ['a sparse 1.0 map that does not end', sparse1('3\n1\n2\n'.padEnd(600, '0'))],
    ['a sparse 1.0 map that is missing', sparse1('')],
    ['more entries than allowed', Buffer.concat(Array.from({ length: 101 }, () => member({})))],
    ['extension headers without end', Buffer.concat(Array.from({ length: 101 }, () => extension('g', '')))],
    ['more bytes than allowed', Buffer.alloc((1 << 24) + 512, 1)],
  ])('%s', (_, data) => {
    const error = failure(() => readAll(data, { limits }));
    expect(error.kind).toBe('corrupt');
    expect(error.message).toMatch(/^archive( entry ".*")? at offset \d+: /s);
    expect(error.message.length).toBeLessThan(500);
  });

  test('an old sparse chain of extension blocks ends at the limit', () => {
    const head = patched({}, (b) => {
      b.write('S', 156);
      b.write('ustar  \0', 257, 'latin1');
      b.fill(0, 345, 512);
      b.write('00000000100', 483);
      b[482] = 1;
    });
    const more = Buffer.alloc(512);
    more[504] = 1;
    const error = failure(() =>
      readAll(Buffer.concat([head, ...Array.from({ length: 200 }, () => more)]), { limits }),
    );
    expect(error.code).toBe('archive-limit');
  });
});

describe('the end of an archive', () => {
  const data = archive(
    member({ name: 'a', content: 'a'.repeat(1500) }),
    extension('x', formatPaxRecord('path', 'long')),
    member({ name: 'b', content: 'b' }),
  );

  test('cut at any block, it is refused, or ends between two entries', () => {
    for (let length = 0; length < data.length - 1024; length += 512) {
      let names: string[];
      try {
        names = readAll(data.subarray(0, length)).map((e) => e.name);
      } catch (error) {
        expect(isKind(error, 'corrupt')).toBe(true);
        continue;
      }
      expect([0, 4]).toContain(length / 512);
      expect(names).toEqual(length === 0 ? [] : ['a']);
    }
  });

  test('cut inside a block, it is refused', () => {
    for (const length of [1, 511, 513, 2047, data.length - 1024 - 1])
      expect(
        isKind(
          failure(() => readAll(data.subarray(0, length))),
          'corrupt',
        ),
      ).toBe(true);
  });

  test('a zero block ends it: what follows is not looked at', () => {
    const junk = Buffer.concat([data, Buffer.from('junk that is no tar'), member({ name: 'hidden' })]);
    expect(readAll(junk).map((e) => e.name)).toEqual(['a', 'long']);
  });
});

test('a hundred thousand small files are read in large pieces', () => {
  const one = member({ name: 'some/folder/with/a/file', content: 'small' });
  const data = archive(...Array.from({ length: 1000 }, () => one));
  let entries = 0;
  const reader = createTarReader({
    entry: () => void entries++,
    data: () => undefined,
    end: () => undefined,
  });
  for (let round = 0; round < 100; round++) reader.push(data.subarray(0, -1024));
  reader.finish();
  expect(entries).toBe(100_000);
});

test('random damage gives an error or entries, never a hang or another exception', () => {
  let seed = 42;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed % below;
  };
  const base = archive(
    member({ name: 'dir', type: 'directory' }),
    extension('x', formatPaxRecord('path', 'p'.repeat(200)) + formatPaxRecord('mtime', '1.5')),
    member({ content: 'c'.repeat(700) }),
    extension('L', `${'q'.repeat(150)}\0`),
    member({ type: 'hardlink', name: 'h', linkName: 'f' }),
  );
  const limits = { ...defaultTarLimits, maxEntries: 1000, maxFileBytes: 1 << 24 };
  const started = performance.now();
  let accepted = 0;
  for (let round = 0; performance.now() - started < 800 && round < 20_000; round++) {
    const data = Buffer.from(base);
    for (let hits = 1 + random(6); hits > 0; hits--) data[random(data.length)] = random(256);
    // Half of the rounds get past the checksums.
    if (round % 2 === 0) for (let at = 0; at + 512 <= data.length; at += 512) fixChecksum(data, at);
    try {
      accepted += readAll(data, { chunkBytes: 1 + random(3000), limits }).length;
    } catch (error) {
      if (!isKind(error, 'corrupt')) throw error;
    }
  }
  expect(accepted).toBeGreaterThan(0);
});

function fixChecksum(data: Buffer, at: number): void {
  if (data.toString('latin1', at + 257, at + 262) !== 'ustar') return;
  data.fill(0x20, at + 148, at + 156);
  const sum = data.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  data.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
}
