import { describe, expect, test } from 'bun:test';
import {
  familiarName,
  familiarRepository,
  formatReference,
  isTag,
  parseReference,
  repositoryName,
  withDefaultTag,
  withDigest,
  withTag,
} from './reference.ts';
import { parseDigest } from './digest.ts';

const hex = 'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff';
const digest = `sha256:${hex}`;

// [written, full, familiar]
const accepted: [string, string, string][] = [
  ['busybox', 'docker.io/library/busybox', 'busybox'],
  ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
  ['library/busybox', 'docker.io/library/busybox', 'busybox'],
  ['docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
  ['docker.io/library/busybox', 'docker.io/library/busybox', 'busybox'],
  ['index.docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
  ['index.docker.io/library/busybox:a', 'docker.io/library/busybox:a', 'busybox:a'],
  ['registry-1.docker.io/library/x', 'registry-1.docker.io/library/x', 'registry-1.docker.io/library/x'],
  ['docker/docker', 'docker.io/docker/docker', 'docker/docker'],
  ['library/debian', 'docker.io/library/debian', 'debian'],
  ['debian', 'docker.io/library/debian', 'debian'],
  ['docker.io/library/foo/bar', 'docker.io/library/foo/bar', 'library/foo/bar'],
  ['localhost/test', 'localhost/test', 'localhost/test'],
  ['localhost:5000/test:v1', 'localhost:5000/test:v1', 'localhost:5000/test:v1'],
  ['localhost:5000', 'docker.io/library/localhost:5000', 'localhost:5000'],
  ['127.0.0.1:5000/a/b', '127.0.0.1:5000/a/b', '127.0.0.1:5000/a/b'],
  ['[::1]:5000/a', '[::1]:5000/a', '[::1]:5000/a'],
  ['[2001:db8::1]/repo/x:y', '[2001:db8::1]/repo/x:y', '[2001:db8::1]/repo/x:y'],
  ['Uppercase/lowercase:tag', 'Uppercase/lowercase:tag', 'Uppercase/lowercase:tag'],
  [
    'xn--7o8h.com/myimage:xn--7o8h.com',
    'xn--7o8h.com/myimage:xn--7o8h.com',
    'xn--7o8h.com/myimage:xn--7o8h.com',
  ],
  ['foo_bar.com:8080', 'docker.io/library/foo_bar.com:8080', 'foo_bar.com:8080'],
  ['foo/foo_bar.com:8080', 'docker.io/foo/foo_bar.com:8080', 'foo/foo_bar.com:8080'],
  ['a/simple--name', 'docker.io/a/simple--name', 'a/simple--name'],
  ['a__b', 'docker.io/library/a__b', 'a__b'],
  [`busybox@${digest}`, `docker.io/library/busybox@${digest}`, `busybox@${digest}`],
  [`test.com:8000/r:tag@${digest}`, `test.com:8000/r:tag@${digest}`, `test.com:8000/r:tag@${digest}`],
  [`x:UPPER_Tag.1-2`, 'docker.io/library/x:UPPER_Tag.1-2', 'x:UPPER_Tag.1-2'],
  [`x:${'t'.repeat(128)}`, `docker.io/library/x:${'t'.repeat(128)}`, `x:${'t'.repeat(128)}`],
  [hex.slice(1), `docker.io/library/${hex.slice(1)}`, hex.slice(1)],
  [`docker.io/${hex}`, `docker.io/library/${hex}`, `docker.io/library/${hex}`],
  ['docker.io/quay.io/x', 'docker.io/quay.io/x', 'docker.io/quay.io/x'],
  [`${'a/'.repeat(127)}a`, `docker.io/${'a/'.repeat(127)}a`, `${'a/'.repeat(127)}a`],
];

const bare = 'invalid reference format';
const rejected: [string, string][] = [
  ['', bare],
  [':justtag', bare],
  [`@${digest}`, bare],
  ['https://github.com/docker/docker', bare],
  ['docker/Docker', 'invalid reference format: repository name (docker/Docker) must be lowercase'],
  ['Busybox', 'invalid reference format: repository name (library/Busybox) must be lowercase'],
  [
    'docker.io/docker/Docker:x',
    'invalid reference format: repository name (docker/Docker) must be lowercase',
  ],
  ['-docker', bare],
  ['-docker/docker', bare],
  ['docker///docker', bare],
  ['docker.io/docker///docker', bare],
  ['docker/docker/', bare],
  ['a/.b', bare],
  ['a..b', bare],
  ['a___b', bare],
  ['aa/asdf$$^/aa', bare],
  ['repo with space', bare],
  ['x:', bare],
  ['x:-tag', bare],
  ['x:tag:tag', bare],
  [`x:${'t'.repeat(129)}`, bare],
  ['x@sha256:ffff', bare],
  ['x@', bare],
  [`x@sha256:${'f'.repeat(40)}`, bare],
  [`x@md9:${hex}`, bare],
  ['[::1/x', bare],
  ['[::1%eth0]:5000/x', bare],
  ['[fe80::1]:port/x', bare],
  ['host:5000:6000/x', bare],
  ['.example.com/x', bare],
  ['example-.com/x', bare],
  ['x\n', bare],
  ['x\u0000', bare],
  ['../../etc/passwd', bare],
  [hex, `invalid repository name (${hex}), cannot specify 64-byte hexadecimal strings`],
  [`${'a/'.repeat(128)}a`, 'repository name must not be more than 255 characters'],
  ['a'.repeat(5000), bare],
];

describe('reference', () => {
  test.each(accepted)('%s is accepted', (written, full, familiar) => {
    const reference = parseReference(written);
    expect(formatReference(reference)).toBe(full);
    expect(familiarName(reference)).toBe(familiar);
    expect(parseReference(full)).toEqual(reference);
    expect(parseReference(familiar)).toEqual(reference);
  });

  test.each(rejected)('%j is refused', (written, message) => {
    expect(() => parseReference(written)).toThrow(message);
  });

  test('the parts of a full name are found', () => {
    expect(parseReference(`[::1]:5000/a/b:t@${digest}`)).toEqual({
      host: '[::1]:5000',
      path: 'a/b',
      tag: 't',
      digest: parseDigest(digest),
    });
  });

  test('the default tag is added only where neither tag nor digest stands', () => {
    expect(withDefaultTag(parseReference('a')).tag).toBe('latest');
    expect(withDefaultTag(parseReference('a:b')).tag).toBe('b');
    expect(withDefaultTag(parseReference(`a@${digest}`)).tag).toBeUndefined();
  });

  test('tag and digest can be exchanged', () => {
    const reference = parseReference('quay.io/a/b:c');
    expect(formatReference(withTag(reference, 'd'))).toBe('quay.io/a/b:d');
    expect(formatReference(withDigest(reference, parseDigest(digest)))).toBe(`quay.io/a/b@${digest}`);
    expect(() => withTag(reference, 'a b')).toThrow('invalid tag format');
    expect([isTag('v1.0_x-y'), isTag('.a'), isTag('')]).toEqual([true, false, false]);
  });

  test('names without tag exist in both forms', () => {
    const reference = parseReference('busybox:1');
    expect(repositoryName(reference)).toBe('docker.io/library/busybox');
    expect(familiarRepository(reference)).toBe('busybox');
  });

  test('hostile lengths are refused at once', () => {
    const start = performance.now();
    for (const text of [`${'a-'.repeat(500)}!`, `${'a.'.repeat(500)}/x`, 'A'.repeat(1_000_000)])
      expect(() => parseReference(text)).toThrow();
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
