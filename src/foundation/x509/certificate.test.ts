import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isHostName, issueCertificate } from './certificate.ts';
import { integer, objectId, time, valuesOf } from './der.ts';

const from = new Date('2026-01-01T00:00:00Z');
const to = new Date('2036-01-01T00:00:00Z');
const ca = issueCertificate({ name: 'an authority', purpose: { kind: 'authority' }, from, to });
const hosts = ['localhost', 'a-b.example.org', '192.0.2.7', '2001:db8::7'];
const server = issueCertificate({ name: 'a server', purpose: { kind: 'server', hosts }, from, to }, ca);
const client = issueCertificate({ name: 'a client: ü', purpose: { kind: 'client' }, from, to }, ca);

test('an authority signs what it issues, each with the narrowest usages', () => {
  const authority = new X509Certificate(ca.cert);
  expect([authority.ca, authority.subject, authority.issuer]).toEqual([
    true,
    'CN=an authority',
    'CN=an authority',
  ]);
  for (const issued of [server, client]) {
    const certificate = new X509Certificate(issued.cert);
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(certificate.checkIssued(authority)).toBe(true);
    expect(certificate.ca).toBe(false);
  }
  const shown = new X509Certificate(server.cert);
  expect(shown.subjectAltName).toBe(
    'DNS:localhost, DNS:a-b.example.org, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7',
  );
  expect([shown.validFromDate, shown.validToDate]).toEqual([from, to]);
  expect(shown.serialNumber).not.toBe(new X509Certificate(client.cert).serialNumber);
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.log('skipped: openssl, which checks the certificates, is not installed');

test.skipIf(!hasOpenssl)('OpenSSL finds nothing to complain of, and keeps the purposes apart', () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-x509-'));
  try {
    const at = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const words = ['verify', '-x509_strict', '-attime', '1780000000', '-CAfile', at('ca.pem', ca.cert)];
    const verify = (...more: string[]): boolean => spawnSync('openssl', [...words, ...more]).status === 0;
    const [one, two] = [at('server.pem', server.cert), at('client.pem', client.cert)];
    for (const host of hosts) {
      const kind = /^[0-9a-f:.]+$/.test(host) ? '-verify_ip' : '-verify_hostname';
      expect([host, verify('-purpose', 'sslserver', kind, host, one)]).toEqual([host, true]);
    }
    expect(verify('-verify_hostname', 'other.example.org', one)).toBe(false);
    expect(verify('-purpose', 'sslclient', two)).toBe(true);
    expect(verify('-purpose', 'sslclient', one)).toBe(false);
    expect(verify('-purpose', 'sslserver', two)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what cannot sign or be named is refused', () => {
  const wanted = { purpose: { kind: 'client' as const }, from, to };
  for (const name of ['', 'x'.repeat(65), 'a\nb'])
    expect(() => issueCertificate({ ...wanted, name }, ca)).toThrow('cannot be the name');
  expect(() => issueCertificate({ ...wanted, name: 'x' }, client)).toThrow('not one of an authority');
  expect(() => issueCertificate({ ...wanted, name: 'x' }, { cert: ca.cert, key: client.key })).toThrow(
    'not that of the certificate',
  );
  expect(() => issueCertificate({ ...wanted, name: 'x' }, { cert: 'x', key: 'y' })).toThrow('cannot be used');
});

test.each([
  ['localhost', true],
  ['*.example.org', true],
  ['::1', true],
  ['fe80::1%eth0', false],
  ['a b', false],
  ['-a', false],
  ['a..b', false],
  ['', false],
  [`${'a'.repeat(64)}.org`, false],
])('%s may stand in a certificate: %p', (name, may) => {
  expect(isHostName(name)).toBe(may);
});

test('DER: numbers have no needless zero and no sign, years from 2050 four digits', () => {
  const hex = (value: Buffer): string => value.toString('hex');
  expect(hex(integer(Buffer.from([0, 0, 0x80])))).toBe('02020080');
  expect(hex(integer(Buffer.from([0, 0])))).toBe('020100');
  expect(hex(objectId('1.2.840.10045.4.3.2'))).toBe('06082a8648ce3d040302');
  expect(time(new Date('2049-12-31T23:59:59Z')).toString('latin1')).toContain('491231235959Z');
  expect(time(new Date('2050-01-01T00:00:00Z')).toString('latin1')).toContain('20500101000000Z');
  for (const broken of ['30', '3005', '30850000000001', '3082'])
    expect(() => valuesOf(Buffer.from(broken, 'hex'))).toThrow(RangeError);
});
