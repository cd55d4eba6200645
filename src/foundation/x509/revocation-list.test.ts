import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Issued, issueCertificate, type Purpose } from './certificate.ts';
import { issueRevocationList, readRevocationLists, revocationName, revokedNames } from './revocation-list.ts';

const from = new Date('2026-01-01T00:00:00Z');
const to = new Date('2036-01-01T00:00:00Z');
const issue = (name: string, purpose: Purpose, issuer?: Issued): Issued =>
  issueCertificate({ name, purpose, from, to }, issuer);
const ca = issue('an authority', { kind: 'authority' });
const [lost, kept] = [issue('lost', { kind: 'client' }, ca), issue('kept', { kind: 'client' }, ca)];
const serialOf = ({ cert }: Issued): string => new X509Certificate(cert).serialNumber;
const listOf = (...certificates: Issued[]): string =>
  issueRevocationList(
    { revoked: certificates.map((each) => ({ serial: serialOf(each), at: from })), from, to },
    ca,
  );
const isIn = (list: string, { cert }: Issued, authorities = ca.cert): boolean =>
  revokedNames(readRevocationLists(list, authorities)).has(revocationName(new X509Certificate(cert).raw));

test('a list holds what was revoked, and is read as it was written', () => {
  const list = listOf(lost);
  expect([isIn(list, lost), isIn(list, kept), isIn(listOf(), lost)]).toEqual([true, false, false]);
  expect(readRevocationLists(list, ca.cert)).toMatchObject([
    { from, to, revoked: [{ serial: BigInt(`0x${serialOf(lost)}`).toString(16), at: from }] },
  ]);
  // Lists and authorities may be several.
  const other = issue('another', { kind: 'authority' });
  expect(isIn(list + listOf(kept), kept, other.cert + ca.cert)).toBe(true);
});

test('the same number of another authority is another certificate', () => {
  const other = issue('another', { kind: 'authority' });
  const list = issueRevocationList({ revoked: [{ serial: serialOf(lost), at: from }], from, to }, other);
  expect(isIn(list, lost, ca.cert + other.cert)).toBe(false);
});

test('what an authority did not sign, or not so, is refused', () => {
  const namesake = issue('an authority', { kind: 'authority' });
  expect(() => readRevocationLists(listOf(lost), namesake.cert)).toThrow(
    'none of the authorities has signed it',
  );
  const bytes = Buffer.from(listOf(lost).replace(/-----.*-----/g, ''), 'base64');
  const asPem = (data: Buffer): string =>
    `-----BEGIN X509 CRL-----\n${data.toString('base64')}\n-----END X509 CRL-----\n`;
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    expect(() => readRevocationLists(asPem(changed), ca.cert)).toThrow(
      'the list of revoked certificates cannot be used',
    );
    expect(() => readRevocationLists(asPem(bytes.subarray(0, at)), ca.cert)).toThrow('cannot be used');
  }
  for (const text of ['', 'x', ca.cert])
    expect(() => readRevocationLists(text, ca.cert)).toThrow('it holds none');
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.log('skipped: openssl, which reads and writes lists, is not installed');

test.skipIf(!hasOpenssl)(
  'OpenSSL reads such a list, and its own are read; what limits itself is refused',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'silo-crl-'));
    try {
      const at = (name: string, text: string): string => {
        writeFileSync(join(folder, name), text);
        return join(folder, name);
      };
      const openssl = (...words: string[]): string => {
        const { status, stderr, stdout } = spawnSync('openssl', words, { cwd: folder });
        return `${status} ${stderr.toString()}${stdout.toString()}`;
      };
      const [caFile, keyFile] = [at('ca.pem', ca.cert), at('ca-key.pem', ca.key)];
      const list = at('crl.pem', listOf(lost));
      const verify = (file: string): string =>
        openssl(
          'verify',
          '-x509_strict',
          '-attime',
          '1780000000',
          '-CAfile',
          caFile,
          '-CRLfile',
          list,
          '-crl_check',
          file,
        );
      expect(verify(at('lost.pem', lost.cert))).toContain('certificate revoked');
      expect(verify(at('kept.pem', kept.cert))).toStartWith('0 ');
      const config = (extensions: string): string =>
        at(
          'ca.cnf',
          `[ca]\ndefault_ca=d\n[d]\ndatabase=${folder}/index\ncrlnumber=${folder}/number\ndefault_md=sha384\ndefault_crl_days=30\n${extensions}`,
        );
      at('number', '01\n');
      at('index', '');
      const words = ['ca', '-cert', caFile, '-keyfile', keyFile, '-config'];
      expect(
        openssl(...words, config(''), '-revoke', 'lost.pem', '-crl_reason', 'keyCompromise'),
      ).toStartWith('0 ');
      expect(openssl(...words, config(''), '-gencrl', '-out', 'theirs.pem')).toStartWith('0 ');
      const theirs = readFileSync(join(folder, 'theirs.pem'), 'utf8');
      expect([isIn(theirs, lost), isIn(theirs, kept)]).toEqual([true, false]);
      const partial = 'crl_extensions=e\n[e]\nissuingDistributionPoint=critical,@p\n[p]\nonlyCA=TRUE\n';
      expect(openssl(...words, config(partial), '-gencrl', '-out', 'partial.pem')).toStartWith('0 ');
      expect(() => readRevocationLists(readFileSync(join(folder, 'partial.pem'), 'utf8'), ca.cert)).toThrow(
        'critical extension',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
