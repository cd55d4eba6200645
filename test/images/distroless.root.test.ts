import { describe, expect, test } from 'bun:test';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BootstrapProgress } from '../../src/engine/image/image.ts';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { hostPlatform } from '../../src/foundation/oci/platform.ts';
import { openImages, type OpenImages } from './open-images.ts';
import { startPackageArchive, type TinyPackage } from './package-archive.ts';

const able = process.getuid?.() === 0 && existsSync('/usr/bin/dpkg-deb') && existsSync('/usr/bin/apt-get');
if (!able) console.log('skipped: sets of packages need root, apt and dpkg');

const packages: TinyPackage[] = [
  {
    name: 'base-files',
    depends: 'mawk | awk',
    files: {
      'usr/lib/os-release': 'ID=debian\nVERSION_ID="12"\n',
      'etc/os-release': '->../usr/lib/os-release',
    },
  },
  { name: 'netbase', files: { 'etc/services': 'http 80/tcp\n' } },
  { name: 'tzdata', depends: 'debconf (>= 0.5) | debconf-2.0', files: { 'usr/share/zoneinfo/UTC': 'TZif' } },
  {
    name: 'ca-certificates',
    depends: 'openssl (>= 1.1.1), debconf (>= 0.5) | debconf-2.0',
    files: {
      'usr/share/ca-certificates/mozilla/B.crt': 'second\n',
      'usr/share/ca-certificates/mozilla/A.crt': 'first\n',
    },
    script: 'touch /var/lib/a-script-ran',
  },
  {
    name: 'tool',
    depends: 'libtool1 (>= 1), dash (>= 0.5), dpkg (>= 1.15)',
    files: {
      'bin/tool': 'program\n',
      'usr/share/doc/tool/copyright': 'free\n',
      'usr/share/doc/tool/changelog.gz': 'long\n',
      'usr/share/man/man1/tool.1.gz': 'manual\n',
      'etc/passwd': 'root::0:0:root:/root:/bin/sh\n',
    },
  },
  { name: 'libtool1', files: { 'lib/libtool.so.1': 'library\n', 'lib/libtool.so': '->libtool.so.1' } },
  { name: 'dash', files: { 'bin/dash': 'a shell\n' } },
  { name: 'unwanted', files: { 'usr/share/unwanted': '' } },
];

const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('silo-bootstrap-'));

async function rootOf(
  open: OpenImages,
  image: { layers: readonly unknown[] },
): Promise<(path: string) => string> {
  const [chainId] = image.layers as Parameters<typeof open.layers.find>[0][];
  const layer = chainId && (await open.layers.find(chainId));
  if (!layer) throw new Error('no layer');
  return (path) => join(layer.path, path);
}

describe.if(able)('packages on an empty root', () => {
  test('files, accounts, certificates and what scanners read; no shell; two runs, one digest', async () => {
    await using archive = await startPackageArchive(packages, hostPlatform().architecture);
    await using first = await openImages();
    await using second = await openImages();
    const before = leftovers();
    const request = { what: 'distroless:bookworm', packages: ['tool'], sources: [archive.source] };
    const notes: BootstrapProgress[] = [];
    const lines: string[] = [];
    const a = await first.images.bootstrap({
      ...request,
      onProgress: (note) => notes.push(note),
      onLine: (line) => lines.push(line),
    });
    expect(lines.at(-1)).toBe(`made distroless:bookworm ${a.id}`);
    expect(lines.join('\n')).not.toContain('Unable to read');
    const b = await second.images.bootstrap(request);
    expect([a.id, a.manifestDigest]).toEqual([b.id, b.manifestDigest]);
    expect(a.name).toBe('docker.io/library/distroless:bookworm');
    // The date of the archive's release file.
    expect(a.config.created).toBe('2025-02-01T10:00:00.000Z');
    expect(notes.at(-1)).toEqual({ step: 'unpack', status: 'Unpacking tzdata', done: 6, total: 6 });
    expect(notes.map(({ step }) => step)).toContain('download');

    const at = await rootOf(first, a);
    expect(readFileSync(at('usr/bin/tool'), 'utf8')).toBe('program\n');
    expect([readlinkSync(at('bin')), readlinkSync(at('lib'))]).toEqual(['usr/bin', 'usr/lib']);
    expect(readlinkSync(at('usr/lib/libtool.so'))).toBe('libtool.so.1');
    expect(readFileSync(at('etc/passwd'), 'utf8')).toContain('nonroot:x:65532:65532:');
    expect(statSync(at('home/nonroot')).uid).toBe(65532);
    expect(readFileSync(at('etc/ssl/certs/ca-certificates.crt'), 'utf8')).toBe('first\nsecond\n');
    expect(existsSync(at('usr/share/zoneinfo/UTC'))).toBe(true);
    expect(readdirSync(at('usr/share/doc/tool'))).toEqual(['copyright']);
    for (const absent of [
      'usr/bin/dash',
      'usr/share/unwanted',
      'usr/share/man',
      'var/lib/a-script-ran',
      'var/lib/dpkg/status',
    ])
      expect(existsSync(at(absent))).toBe(false);
    const fragments = readdirSync(at('var/lib/dpkg/status.d'))
      .filter((name) => !name.endsWith('.md5sums'))
      .toSorted();
    expect(fragments).toEqual(['base-files', 'ca-certificates', 'libtool1', 'netbase', 'tool', 'tzdata']);
    expect(readFileSync(at('var/lib/dpkg/status.d/tool'), 'utf8')).toContain('Status: install ok installed');
    expect(lstatSync(at('usr/bin/tool')).mtimeMs).toBeLessThanOrEqual(a.createdAtMs);
    expect(leftovers()).toEqual(before);
  });

  test('what only installs others comes when it is named', async () => {
    await using archive = await startPackageArchive(packages, hostPlatform().architecture);
    await using open = await openImages();
    const image = await open.images.bootstrap({
      what: 'distroless',
      packages: ['dash'],
      sources: [archive.source],
    });
    const at = await rootOf(open, image);
    expect(existsSync(at('usr/bin/dash'))).toBe(true);
    expect(existsSync(at('usr/bin/tool'))).toBe(false);
  });

  test('what is wrong is said: packages, suites, the network, sources', async () => {
    await using archive = await startPackageArchive(packages, hostPlatform().architecture);
    await using open = await openImages();
    const failure = (request: Parameters<typeof open.images.bootstrap>[0]): Promise<unknown> =>
      open.images.bootstrap(request).catch(toSiloError);
    const sources = [archive.source];
    expect(await failure({ what: 'distroless', packages: ['tol'], sources })).toMatchObject({
      kind: 'invalid',
      code: 'no-package',
      message: 'the suite has no package "tol"',
    });
    expect(await failure({ what: 'distroless', packages: ['-o=x'], sources })).toMatchObject({
      code: 'no-package',
    });
    expect(await failure({ what: 'distroless', sources: ['http://no-deb-line'] })).toMatchObject({
      code: 'bad-source',
    });
    expect(
      await failure({ what: 'distroless', sources: ['deb [trusted=yes] http://x ./\ndeb y z'] }),
    ).toMatchObject({
      code: 'bad-source',
    });
    expect(await failure({ what: 'busybox', packages: ['tool'] })).toMatchObject({ kind: 'invalid' });
    const away = { what: 'distroless', sources: ['deb [trusted=yes] http://127.0.0.1:1 ./'] };
    expect(await failure(away)).toMatchObject({ kind: 'unavailable', code: 'no-network' });
    if (existsSync('/usr/share/keyrings/debian-archive-keyring.gpg')) {
      expect(await failure({ what: 'debian:bokworm', mirror: archive.address })).toMatchObject({
        code: 'no-suite',
        hint: 'did you mean bookworm?',
      });
      expect(await failure({ what: 'debian:trixie', mirror: 'http://127.0.0.1:1/debian' })).toMatchObject({
        code: 'no-network',
      });
    }
    if (!existsSync('/usr/share/keyrings/ubuntu-archive-keyring.gpg'))
      expect(await failure({ what: 'ubuntu:noble' })).toMatchObject({
        code: 'no-keyring',
        hint: expect.stringContaining('install the package ubuntu-keyring'),
      });
    // Nothing half-made became an image.
    expect(open.images.list().length).toBe(0);
  });
});
