import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { programs, siloCommand, startEngine, type TestEngine } from '../e2e/harness.ts';
import { type Result, run } from '../e2e/run.ts';
import { type HostileRegistry, startHostileRegistry } from './hostile-registry.ts';
import { answer, endless } from './misbehaviours.ts';
import { tarOf } from './sample-image.ts';

if (skipReason) console.log(`skipped: accounts at registries: ${skipReason}`);

const user = { username: 'ann', password: 'open:sesame' };
const encoded = Buffer.from(`${user.username}:${user.password}`).toString('base64');

describe.skipIf(skipReason !== undefined)('an account at a registry', () => {
  let engine: TestEngine;
  let registry: HostileRegistry;
  let folder = '';
  beforeAll(async () => {
    registry = await startHostileRegistry({ authentication: { kind: 'basic', ...user } });
    engine = await startEngine();
    const imported = await silo(['import', '-', 'small'], tarOf({ greeting: 'hello\n' }));
    expect(imported.code).toBe(0);
  }, 60_000);
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  }, 60_000);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'silo-account-'));
    registry.behave();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const path = (): string => `${folder}:${process.env['PATH'] ?? ''}`;
  const silo = (args: string[], input: string | Uint8Array = ''): Promise<Result> =>
    run(siloCommand('-H', engine.host, ...args), { input, env: { DOCKER_CONFIG: folder, PATH: path() } });
  const docker = (args: string[], input = ''): Promise<Result> =>
    run(['docker', '-H', engine.host, ...args], { input, env: { DOCKER_CONFIG: folder, PATH: path() } });
  const configured = (): Record<string, unknown> =>
    JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
  const configure = (value: unknown): void =>
    writeFileSync(join(folder, 'config.json'), JSON.stringify(value));
  const login = (password = user.password): Promise<Result> =>
    silo(['login', '-u', user.username, '--password-stdin', registry.host], `${password}\n`);
  /** A credential helper of ours: keeps one secret in a file. */
  const helper = (script: string): void => {
    const program = join(folder, 'docker-credential-test');
    writeFileSync(program, `#!/bin/sh\n${script}\n`);
    chmodSync(program, 0o755);
  };
  const keeping = [
    'f="$DOCKER_CONFIG/secret"',
    'case "$1" in',
    'store) cat > "$f";;',
    'get) cat > /dev/null; [ -s "$f" ] && cat "$f" || { echo "credentials not found in native keychain"; exit 1; };;',
    'erase) cat > /dev/null; rm -f "$f";;',
    'esac',
  ].join('\n');

  test('is kept after a login, in a file for its owner only, with everything else that stands there', async () => {
    configure({ auths: { 'other:5000': { auth: 'eDp5' } }, psFormat: 'table {{.ID}}' });
    const result = await login();
    expect(result).toMatchObject({ code: 0, stdout: 'Login Succeeded\n' });
    expect(result.stderr).toContain('Your credentials are stored unencrypted in');
    expect(configured()).toEqual({
      auths: { 'other:5000': { auth: 'eDp5' }, [registry.host]: { auth: encoded } },
      psFormat: 'table {{.ID}}',
    });
    expect(statSync(join(folder, 'config.json')).mode & 0o777).toBe(0o600);
  });

  test('is not kept when the password is wrong', async () => {
    const result = await login('wrong');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('401 Unauthorized');
    expect(() => configured()).toThrow();
  });

  test.each(programs)('opens the registry to push and pull of %s', async (program) => {
    const name = `${registry.host}/team/small:${program}`;
    const client = program === 'docker' ? docker : silo;
    await client(['tag', 'small', name]);
    const refused = await client(['push', name]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('no basic auth credentials')]);
    await login();
    const pushed = await client(['push', name]);
    expect(pushed.stderr).toBe('');
    expect(pushed.stdout).toMatch(new RegExp(`\n${program}: digest: sha256:[0-9a-f]{64} size: \\d+\n$`));
    expect((await client(['push', '--quiet', name])).stdout).toBe(`${name}\n`);
    expect((await client(['rmi', name])).code).toBe(0);
    expect((await client(['pull', name])).code).toBe(0);
  });

  test.each(programs)('has an image that %s saves', async (program) => {
    const client = program === 'docker' ? docker : silo;
    const file = join(folder, 'saved.tar');
    expect(await client(['save', '-o', file, 'small'])).toMatchObject({ code: 0, stderr: '' });
    expect(statSync(file).size).toBeGreaterThan(1000);
    expect((await client(['load', '-i', file])).stdout).toBe('Loaded image: small:latest\n');
    const missing = await client(['save', '-o', join(folder, 'none.tar'), 'nosuch']);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('No such image: nosuch')]);
    expect(() => statSync(join(folder, 'none.tar'))).toThrow();
  });

  test('is forgotten by logout, once', async () => {
    await login();
    const first = await silo(['logout', registry.host]);
    expect(first.stdout).toBe(`Removing login credentials for ${registry.host}\n`);
    expect(configured()['auths']).toEqual({});
    expect((await silo(['logout', registry.host])).stdout).toBe(`Not logged in to ${registry.host}\n`);
  });

  test('is kept by a helper, and nothing secret in the file', async () => {
    helper(keeping);
    configure({ credsStore: 'test' });
    expect(await login()).toMatchObject({ code: 0, stderr: '' });
    expect(configured()).toEqual({ credsStore: 'test', auths: { [registry.host]: {} } });
    const name = `${registry.host}/team/small:helper`;
    await silo(['tag', 'small', name]);
    expect((await silo(['push', name])).code).toBe(0);
    expect((await silo(['login', registry.host])).stdout).toContain('[Username: ann]');
    await silo(['logout', registry.host]);
    expect((await silo(['push', name])).stderr).toContain('no basic auth credentials');
  });

  test('of a helper of its own host is used before the one for all', async () => {
    helper(keeping);
    configure({ credsStore: 'absent', credHelpers: { [registry.host]: 'test' } });
    expect((await login()).code).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, 'secret'), 'utf8'))).toEqual({
      ServerURL: registry.host,
      Username: 'ann',
      Secret: user.password,
    });
  });

  test.each([
    ['writes without an end', 'cat /dev/zero', 'more than 1048576 bytes'],
    ['answers with nonsense', 'echo hello', 'did not answer with credentials'],
    ['fails', 'echo broken; exit 3', 'exit status 3'],
  ])('does not hang on a helper that %s', async (_, script, words) => {
    helper(script);
    configure({ credsStore: 'test' });
    const name = `${registry.host}/team/small:broken`;
    await silo(['tag', 'small', name]);
    const result = await silo(['push', name]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(words);
    expect(result.stderr).toContain('going on without credentials');
  });

  test('has no helper whose name is a path or that is not installed', async () => {
    for (const [store, words] of [
      ['../../bin/sh', 'has no usable name'],
      ['silo-none', 'docker-credential-silo-none'],
    ]) {
      configure({ credsStore: store });
      expect((await silo(['pull', `${registry.host}/team/none`])).stderr).toContain(words ?? '');
    }
  });

  test('does not overwrite a configuration that cannot be read, and keeps a link a link', async () => {
    writeFileSync(join(folder, 'config.json'), '{"auths":');
    expect((await login()).stderr).toContain('is not a JSON object');
    expect(readFileSync(join(folder, 'config.json'), 'utf8')).toBe('{"auths":');
    rmSync(join(folder, 'config.json'));
    writeFileSync(join(folder, 'real.json'), '{}');
    symlinkSync('real.json', join(folder, 'config.json'));
    expect((await login()).code).toBe(0);
    expect(readFileSync(join(folder, 'real.json'), 'utf8')).toContain(encoded);
  });

  test.each([
    [['-p', 'x', '--password-stdin'], 'mutually exclusive'],
    [['--password-stdin'], 'Must provide --username with --password-stdin'],
    [[], 'Cannot perform an interactive login from a non TTY device'],
  ])('is not opened by login %p', async (words, text) => {
    expect((await silo(['login', ...words, registry.host])).stderr).toContain(text);
  });

  test('has a search where the registry has one', async () => {
    await login();
    const results = [
      { name: 'team/small', description: 'a small\nimage\u001b[31m', star_count: 7, is_official: false },
      { name: 'team/big', description: 'x'.repeat(80), star_count: 2, is_official: true },
    ];
    registry.misbehave({
      path: '/v1/search',
      act: answer(200, JSON.stringify({ results }), { 'content-type': 'application/json' }),
    });
    const found = await silo(['search', `${registry.host}/small`]);
    expect(found.stdout.split('\n').map((line) => line.trimEnd())).toEqual([
      'NAME         DESCRIPTION                                     STARS     OFFICIAL',
      'team/small   a small image [31m                              7',
      `team/big     ${'x'.repeat(44)}…   2         [OK]`,
      '',
    ]);
    const filtered = await silo([
      'search',
      '-f',
      'stars=3',
      '--format',
      '{{.Name}}',
      `${registry.host}/small`,
    ]);
    expect(filtered.stdout).toBe('team/small\n');
    const request = registry.requests.findLast((each) => each.path.startsWith('/v1/search'));
    expect(request?.path).toBe('/v1/search?q=small&n=25');
  });

  test('has no search where the registry has none, or one without an end', async () => {
    await login();
    registry.misbehave({ path: '/v1/search', act: answer(404) });
    expect((await silo(['search', `${registry.host}/small`])).stderr).toContain('Unexpected status code 404');
    registry.misbehave({ path: '/v1/search', act: endless('application/json', '{"results":[') });
    expect((await silo(['search', `${registry.host}/small`])).code).toBe(1);
    expect((await silo(['search', '--limit', '101', 'x'])).stderr).toContain(
      'limit 101 is outside the range of [1, 100]',
    );
  });
});
