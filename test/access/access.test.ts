import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request as requestHttps } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Issued, issueCertificate } from '../../src/foundation/x509/certificate.ts';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { programs, siloCommand, startEngine, type TestEngine } from '../e2e/harness.ts';
import { run, type Result } from '../e2e/run.ts';

if (skipReason) console.log(`skipped: who may ask the engine: ${skipReason}`);

setDefaultTimeout(60_000);

/** Of nobody: a number that no account has. */
const group = 54_321;
const day = 86_400_000;

describe.skipIf(skipReason !== undefined)('an engine that others may ask', () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-access-'));
  const pki = join(folder, 'pki');
  const admin = join(pki, 'clients/admin');
  let engine: TestEngine;
  let port = 0;
  const silo = (...words: string[]): Promise<Result> => run(siloCommand(...words));
  const files = ['--tlscacert', 'ca.pem', '--tlscert', 'server-cert.pem', '--tlskey', 'server-key.pem'].map(
    (word) => (word.startsWith('--') ? word : join(pki, word)),
  );
  /** `version` through a program, with the certificates of a folder. */
  const ask = async (
    program: 'docker' | 'silo',
    { certificates = admin, host = 'localhost' } = {},
  ): Promise<Result> => {
    const words = ['version', '--format', '{{.Server.Os}}'];
    const address = `tcp://${host}:${port}`;
    const env = {
      DOCKER_CERT_PATH: certificates,
      DOCKER_TLS_VERIFY: '1',
      DOCKER_CONTEXT: '',
      [program === 'docker' ? 'DOCKER_HOST' : 'SILO_HOST']: address,
    };
    return await run(program === 'docker' ? ['docker', ...words] : siloCommand(...words), { env });
  };

  beforeAll(async () => {
    const made = await silo('tls', 'init', '--host', 'engine.example.org', pki);
    if (made.code !== 0) throw new Error(made.stderr);
    port = await freePort();
    engine = await startEngine({
      args: ['--group', String(group), '-H', `tcp://127.0.0.1:${port}`, '--tlsverify', ...files],
    });
    // Whoever looks for the socket comes through the folder of the test.
    chmodSync(engine.directory, 0o755);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test.each(programs)('answers %s with a certificate of its authority', async (program) => {
    expect((await ask(program)).stdout).toBe('linux\n');
    expect((await ask(program, { host: '127.0.0.1' })).stdout).toBe('linux\n');
    // The certificate is for localhost, 127.0.0.1 and what --host named.
    const elsewhere = await ask(program, { host: '127.0.0.1.' });
    expect([elsewhere.code === 0, elsewhere.stdout]).toEqual([false, expect.not.stringContaining('linux')]);
  });

  test('refuses certificates of others and those that have expired, says why in its log, and goes on', async () => {
    const issuer = { cert: read(join(pki, 'ca.pem')), key: read(join(pki, 'ca-key.pem')) };
    const other = issue('authority', undefined);
    const cases: [string, Issued | undefined, RegExp][] = [
      ['none', undefined, /showed no certificate/],
      ['expired', issue('client', issuer, -2, -1), /has expired/],
      ['foreign', issue('client', other), /another authority/],
      ['its-own', issue('client', undefined), /another authority/],
    ];
    for (const [name, issued, reason] of cases) {
      const certificates = mkdtempSync(join(folder, 'client-'));
      copyFileSync(join(pki, 'ca.pem'), join(certificates, 'ca.pem'));
      if (issued) {
        writeFileSync(join(certificates, 'cert.pem'), issued.cert);
        writeFileSync(join(certificates, 'key.pem'), issued.key);
      }
      for (const program of programs) {
        const refused = await ask(program, { certificates });
        expect([name, refused.code === 0, refused.stdout]).toEqual([
          name,
          false,
          expect.not.stringMatching(/linux/),
        ]);
      }
      expect(await eventually(() => reason.test(engine.log()))).toBe(true);
    }
    expect((await ask('silo')).stdout).toBe('linux\n');
  });

  test('reads its certificates again on SIGHUP; a broken pair changes nothing', async () => {
    const fingerprint = (): Promise<string | undefined> => seen(port, admin);
    const before = await fingerprint();
    const key = join(pki, 'server-key.pem');
    const good = read(key);
    writeFileSync(key, issue('client', undefined).key);
    process.kill(engine.pid(), 'SIGHUP');
    expect(await eventually(() => engine.log().includes('the certificate is not used'))).toBe(true);
    expect(await fingerprint()).toBe(before);
    writeFileSync(key, good);
    const renewed = await silo('tls', 'init', '--renew', pki);
    expect([renewed.code, renewed.stderr]).toEqual([0, '']);
    process.kill(engine.pid(), 'SIGHUP');
    expect(await eventually(() => engine.log().includes('the certificate was read'))).toBe(true);
    expect(await fingerprint()).not.toBe(before);
    expect((await ask('silo')).stdout).toBe('linux\n');
  });

  test('refuses a certificate that was revoked once it is told by SIGHUP', async () => {
    const gone = (await silo('tls', 'client', 'gone', pki)).stdout.trim();
    expect((await ask('silo', { certificates: gone })).stdout).toBe('linux\n');
    const revoked = await silo('tls', 'revoke', 'gone', pki);
    expect([revoked.code, revoked.stdout]).toEqual([
      0,
      expect.stringContaining(`is revoked in ${pki}/crl.pem`),
    ]);
    expect((await silo('tls', 'show', pki)).stdout).toMatch(/clients\/gone\/cert\.pem +gone +- +revoked/);
    process.kill(engine.pid(), 'SIGHUP');
    expect(
      await eventually(async () => (await ask('silo', { certificates: gone })).stdout !== 'linux\n'),
    ).toBe(true);
    expect(engine.log()).toContain('the certificate of the client was revoked');
    expect((await ask('silo')).stdout).toBe('linux\n');
    for (const [name, reason] of [
      ['gone', 'is revoked already'],
      ['nobody', 'is not there'],
      ['./server-cert.pem', 'is not there'],
      [join(pki, 'ca.pem'), 'did not make the certificate'],
    ] as const) {
      const refused = await silo('tls', 'revoke', name, pki);
      expect([name, refused.code, refused.stderr]).toEqual([name, 1, expect.stringContaining(reason)]);
    }
  });

  test('lets the group of the socket in, and nobody else', async () => {
    const socket = engine.socket;
    expect([statSync(socket).gid, statSync(socket).mode & 0o777]).toEqual([group, 0o660]);
    const as = (id: number): number | null =>
      spawnSync('setpriv', [
        ...`--reuid=${group + 1} --regid=${id} --clear-groups`.split(' '),
        'curl',
        '-sS',
        '--unix-socket',
        socket,
        'http://engine/_ping',
      ]).status;
    expect(as(group)).toBe(0);
    expect(as(group + 1)).not.toBe(0);
  });

  test('has a folder of certificates for its owner only, in which nothing is overwritten unasked', async () => {
    const modes = readdirSync(pki, { recursive: true, encoding: 'utf8' }).map(
      (name) => statSync(join(pki, name)).mode & 0o077,
    );
    expect(modes.filter((mode) => mode !== 0)).toEqual([]);
    const before = read(join(pki, 'ca.pem'));
    const again = await silo('tls', 'init', pki);
    expect([again.code, again.stderr]).toEqual([
      1,
      expect.stringContaining('is there already, and nothing was changed'),
    ]);
    expect((await silo('tls', 'client', 'admin', pki)).stderr).toContain('is there already');
    expect(read(join(pki, 'ca.pem'))).toBe(before);
    for (const name of ['../up', 'a/b', '', '.hidden', 'x'.repeat(65)])
      expect((await silo('tls', 'client', name, pki)).code).not.toBe(0);
    expect((await silo('tls', 'client', 'alice', pki, '--days', '5')).stdout).toBe(`${pki}/clients/alice\n`);
    const long = await silo('tls', 'client', 'bob', pki, '--days', '3650');
    expect([long.code, long.stderr]).toEqual([1, expect.stringContaining('but its authority only is until')]);
    const shown = await silo('tls', 'show', pki);
    expect(shown.stdout).not.toContain('bob');
    expect(shown.stdout).toMatch(/clients\/alice\/cert\.pem +alice +- +\S+ \(in 4 days\)/);
  });

  test.each([
    ['plain TCP without a word', ['-H', 'tcp://127.0.0.1:1'], 'every user of this machine'],
    ['plain TCP for others', ['-H', 'tcp://0.0.0.0:1', '--tls=false'], 'everybody who reaches it'],
    ['TLS that asks nobody who he is', ['-H', 'tcp://127.0.0.1:1', '--tls'], 'would let everybody in'],
    ['certificates that nobody asks for', ['--tlscert', '/a/cert.pem'], 'TLS is not asked for'],
    ['a group that is not there', ['--group', 'no-such-group'], 'group no-such-group not found'],
    [
      'a list of revoked certificates that is not there',
      [
        '-H',
        'tcp://127.0.0.1:1',
        '--tlsverify',
        '--tlscacert',
        '/nowhere/ca.pem',
        '--tlscrl',
        '/nowhere/crl.pem',
      ],
      '/nowhere/crl.pem',
    ],
    [
      'certificates that are not there',
      ['-H', 'tcp://127.0.0.1:1', '--tlsverify', '--tlscert', '/nowhere/cert.pem'],
      '/nowhere/cert.pem',
    ],
  ])('does not start with %s', async (_, words, reason) => {
    const roots = ['--data-root', join(folder, 'd'), '--exec-root', join(folder, 'e')];
    const { code, stderr } = await silo('daemon', ...roots, ...words);
    expect([code, stderr]).toEqual([1, expect.stringContaining(reason)]);
  });
});

const read = (path: string): string => readFileSync(path, 'utf8');

const issue = (kind: 'authority' | 'client', issuer: Issued | undefined, fromDays = -1, toDays = 1): Issued =>
  issueCertificate(
    {
      name: 'a test',
      purpose: { kind },
      from: new Date(Date.now() + fromDays * day),
      to: new Date(Date.now() + toDays * day),
    },
    issuer,
  );

/** The fingerprint of the certificate that the engine shows. */
function seen(port: number, certificates: string): Promise<string | undefined> {
  const at = (name: string): string => read(join(certificates, name));
  return new Promise((resolve, reject) => {
    const call = requestHttps(
      {
        host: 'localhost',
        port,
        path: '/_ping',
        agent: false,
        ca: at('ca.pem'),
        cert: at('cert.pem'),
        key: at('key.pem'),
        checkServerIdentity(_, { fingerprint256 }) {
          resolve(fingerprint256);
          return undefined;
        },
      },
      (answer) => answer.resume(),
    );
    call.on('error', reject).end();
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
