import { describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseWanted } from '../../src/engine/image/bootstrap/suites.ts';
import { withoutDevices } from '../../src/engine/image/bootstrap/without-devices.ts';
import { endOfArchive, formatMember } from '../../src/foundation/archive/tar-writer.ts';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { sha256 } from '../../src/foundation/oci/digest.ts';
import { openImages } from './open-images.ts';

const isRoot = process.getuid?.() === 0;
const hasBusybox = existsSync('/bin/busybox');
if (!isRoot || !hasBusybox) console.log('skipped: bootstrapping needs root and a static busybox');
const wantsDebian = process.env['SILO_TEST_DEBIAN'] === '1';
if (!wantsDebian) console.log('skipped: SILO_TEST_DEBIAN=1 makes Debian images (two minutes, with mirrors)');

describe.if(isRoot && hasBusybox)('bootstrap', () => {
  test('busybox: twice the same digest, whole, and with every applet', async () => {
    await using first = await openImages();
    await using second = await openImages();
    const a = await first.images.bootstrap({ what: 'busybox' });
    const b = await second.images.bootstrap({ what: 'busybox:latest' });
    expect([a.id, a.manifestDigest, a.layers]).toEqual([b.id, b.manifestDigest, b.layers]);
    expect(a.tags).toEqual(['docker.io/library/busybox:latest']);
    expect(a.config.config).toMatchObject({ Cmd: ['sh'] });
    const [chainId] = a.layers;
    const layer = chainId && (await first.layers.find(chainId));
    if (!layer) throw new Error('no layer');
    const at = (path: string): string => join(layer.path, path);
    expect(readFileSync(at('bin/busybox'))).toEqual(readFileSync('/bin/busybox'));
    expect(statSync(at('bin/sh')).ino).toBe(statSync(at('bin/busybox')).ino);
    expect(statSync(at('usr/bin/[')).ino).toBe(statSync(at('bin/busybox')).ino);
    expect(statSync(at('tmp')).mode & 0o7777).toBe(0o1777);
    expect(readFileSync(at('etc/passwd'), 'utf8')).toStartWith('root:x:0:0:');
    for (const digest of [a.id, a.manifestDigest])
      expect(sha256(await first.content.readSmall(digest))).toBe(digest);
    expect(readdirSync(join(first.root, 'tmp'))).toEqual([]);
  });

  test('what cannot be made is refused with what can', async () => {
    await using open = await openImages();
    const failure = await open.images.bootstrap({ what: 'windows' }).catch(toSiloError);
    expect(failure).toMatchObject({
      kind: 'invalid',
      hint: expect.stringContaining('busybox, debian:SUITE'),
    });
  });
});

test('names of what can be made', () => {
  const system = { kind: 'system', distribution: 'debian', slim: false } as const;
  expect(parseWanted('debian:bookworm')).toEqual({ ...system, suite: 'bookworm', name: 'debian:bookworm' });
  expect(parseWanted('debian')).toEqual({ ...system, suite: 'stable', name: 'debian:stable' });
  expect(parseWanted('debian:trixie-slim')).toMatchObject({ suite: 'trixie', slim: true });
  expect(parseWanted('ubuntu:noble')).toMatchObject({ kind: 'system', distribution: 'ubuntu' });
  expect(parseWanted('distroless:jammy')).toMatchObject({ kind: 'distroless', distribution: 'ubuntu' });
  expect(parseWanted('distroless')).toMatchObject({ distribution: 'debian', name: 'distroless:stable' });
  for (const bad of [
    'debian:',
    'debian:--x',
    'debian:a b',
    'debian:../x',
    'distroless:trixie-slim',
    'windows',
  ])
    expect(() => parseWanted(bad)).toThrow('cannot make a base image');
  expect(() => parseWanted('debain:trixie')).toThrow(
    expect.objectContaining({ hint: expect.stringContaining('did you mean debian?') }),
  );
});

test('device nodes at the head of an archive are left out, in pieces of any size', async () => {
  const member = (name: string, type: 'char' | 'directory' | 'file', size = 0): Buffer =>
    formatMember({ type, name, mode: 0o644, uid: 0, gid: 0, size, mtime: { sec: 0, nsec: 0 } });
  const kept = Buffer.concat([
    member('./', 'directory'),
    member('./file', 'file', 3),
    Buffer.from('abc'.padEnd(512, '\0')),
    endOfArchive,
  ]);
  const dev = member('./dev', 'directory');
  const archive = Buffer.concat([dev, member('./dev/null', 'char'), member('./dev/pts', 'directory'), kept]);
  for (const size of [1, 100, 512, 700, 4096]) {
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let at = 0; at < archive.length; at += size) yield archive.subarray(at, at + size);
    }
    const out: Uint8Array[] = [];
    for await (const chunk of withoutDevices(pieces())) out.push(chunk);
    expect(Buffer.concat(out).equals(Buffer.concat([dev, kept]))).toBe(true);
  }
});

describe.if(isRoot && wantsDebian)('debian', () => {
  test(
    'twice the same digest, without what the run leaves behind',
    async () => {
      await using first = await openImages();
      await using second = await openImages();
      const lines: string[] = [];
      const a = await first.images.bootstrap({
        what: 'debian:bookworm',
        verbose: true,
        onLine: (line) => lines.push(line),
      });
      const b = await second.images.bootstrap({ what: 'debian:bookworm' });
      expect([a.id, a.layers]).toEqual([b.id, b.layers]);
      expect(lines.length).toBeGreaterThan(10);
      const [chainId] = a.layers;
      const layer = chainId && (await first.layers.find(chainId));
      if (!layer) throw new Error('no layer');
      expect(readdirSync(join(layer.path, 'dev'))).toEqual([]);
      expect(existsSync(join(layer.path, 'etc/hostname'))).toBe(false);
      const lists = readdirSync(join(layer.path, 'var/lib/apt/lists'));
      expect(lists.filter((name) => !['lock', 'partial'].includes(name))).toEqual([]);
      expect(readdirSync(join(first.root, 'tmp'))).toEqual([]);
    },
    { timeout: 300_000 },
  );

  test(
    'a set of packages without a shell: twice the same digest, and its program runs',
    async () => {
      await using first = await openImages();
      await using second = await openImages();
      const request = { what: 'distroless:trixie', packages: ['openssl'] };
      const a = await first.images.bootstrap(request);
      const b = await second.images.bootstrap(request);
      expect([a.id, a.layers]).toEqual([b.id, b.layers]);
      const [chainId] = a.layers;
      const layer = chainId && (await first.layers.find(chainId));
      if (!layer) throw new Error('no layer');
      const ran = spawnSync('chroot', [layer.path, '/usr/bin/openssl', 'version'], { encoding: 'utf8' });
      expect(ran.stdout).toStartWith('OpenSSL 3');
      expect(existsSync(join(layer.path, 'usr/bin/sh'))).toBe(false);
      expect(readFileSync(join(layer.path, 'etc/ssl/certs/ca-certificates.crt'), 'utf8')).toContain(
        'BEGIN CERTIFICATE',
      );
    },
    { timeout: 300_000 },
  );
});
