import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestServer } from '../../client/testing/server.ts';
import { runWords } from '../testing/run-words.ts';

const root = mkdtempSync(join(tmpdir(), 'silo-contexts-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folder = '';
let tests = 0;
beforeEach(() => {
  folder = join(root, String(tests++));
  mkdirSync(folder);
});

const silo = (words: readonly string[], env: Record<string, string> = {}) =>
  runWords(words, { env: { DOCKER_CONFIG: folder, ...env } });

describe('a context', () => {
  test('is made, listed, used, shown, changed and removed, in the words of Docker', async () => {
    const lab = ['--docker', 'host=tcp://lab.example:2376', '--description', 'below the stairs'];
    expect(await silo(['context', 'create', 'lab', ...lab])).toEqual({
      code: 0,
      out: 'lab\n',
      err: 'Successfully created context "lab"\n',
    });
    expect((await silo(['context', 'create', 'lab', ...lab])).err).toStartWith(
      'context "lab" already exists\n',
    );
    expect((await silo(['context', 'use', 'lab'])).out).toBe('lab\n');
    expect((await silo(['context', 'show'])).out).toBe('lab\n');
    expect((await silo(['context', 'ls'])).out).toMatch(
      /^NAME +DESCRIPTION +ENDPOINT.*\ndefault .*\nlab \* +below the stairs +tcp:\/\/lab.example:2376/,
    );
    expect(
      JSON.parse((await silo(['context', 'ls', '--format', 'json'])).out.split('\n')[1] ?? ''),
    ).toMatchObject({
      Name: 'lab',
      Current: true,
    });
    await silo(['context', 'update', 'lab', '--docker', 'host=ssh://lab.example']);
    const { out } = await silo([
      'context',
      'inspect',
      '-f',
      '{{.Endpoints.docker.Host}} {{.Metadata.Description}}',
    ]);
    expect(out).toBe('ssh://lab.example below the stairs\n');
    const inUse = 'context "lab" is in use, set -f flag to force remove\n';
    expect(await silo(['context', 'rm', 'lab'])).toEqual({ code: 1, out: '', err: inUse });
    expect((await silo(['context', 'rm', '-f', 'lab'])).code).toBe(0);
    expect((await silo(['context', 'show'])).out).toBe('default\n');
  });

  test('that is in use is the recorded one, whatever this command line names', async () => {
    for (const name of ['lab', 'shed'])
      await silo(['context', 'create', name, '--docker', `host=tcp://${name}`]);
    await silo(['context', 'use', 'lab']);
    const other = { SILO_CONTEXT: 'shed' };
    expect((await silo(['context', 'rm', 'lab'], other)).err).toContain('"lab" is in use');
    expect((await silo(['context', 'rm', 'shed'], other)).code).toBe(0);
    expect((await silo(['context', 'show'])).out).toBe('lab\n');
  });

  test('whose address is no text is no context', async () => {
    await silo(['context', 'create', 'lab', '--docker', 'host=tcp://lab']);
    const [{ Storage: place }] = JSON.parse((await silo(['context', 'inspect', 'lab'])).out);
    const write = (endpoints: object) =>
      writeFileSync(
        join(place.MetadataPath, 'meta.json'),
        JSON.stringify({ Name: 'lab', Metadata: {}, Endpoints: endpoints }),
      );
    for (const docker of [{ Host: 5 }, { Host: null }, 'tcp://lab', null]) {
      write({ docker });
      expect((await silo(['-c', 'lab', 'ps'])).err).toContain('is no description of a context');
      expect((await silo(['context', 'ls'])).code).toBe(0);
    }
    write({});
    expect((await silo(['-c', 'lab', 'ps'])).err).toContain('has no address of an engine');
  });

  test('keeps certificates for its owner alone', async () => {
    const pem = join(folder, 'x.pem');
    writeFileSync(pem, 'a certificate');
    await silo(['context', 'create', 'lab', '--docker', `host=tcp://lab:2376,ca=${pem},key=${pem}`]);
    const [found] = JSON.parse((await silo(['context', 'inspect', 'lab'])).out);
    expect(found.TLSMaterial).toEqual({ docker: ['ca.pem', 'key.pem'] });
    const key = join(found.Storage.TLSPath, 'docker/key.pem');
    expect(statSync(key).mode & 0o777).toBe(0o600);
    await silo(['context', 'rm', 'lab']);
    expect(existsSync(key)).toBe(false);
  });

  test('that Docker made is known; what Docker uses is not what Silo uses', async () => {
    await silo(['context', 'create', 'remote', '--docker', 'host=tcp://remote:2376']);
    writeFileSync(join(folder, 'config.json'), '{"currentContext":"remote"}');
    expect((await silo(['context', 'show'])).out).toBe('default\n');
    expect((await silo(['context', 'show'], { DOCKER_CONTEXT: 'remote' })).out).toBe('remote\n');
    expect((await silo(['-c', 'remote', 'context', 'show'])).out).toBe('remote\n');
    expect((await silo(['context', 'show'], { SILO_HOST: 'tcp://a', DOCKER_CONTEXT: 'remote' })).out).toBe(
      'default\n',
    );
    expect((await silo(['-H', 'tcp://a', '-c', 'remote', 'ps'])).err).toStartWith('conflicting options');
  });

  test('goes from one machine to another as a file, by nothing but what is expected of it', async () => {
    const pem = join(folder, 'x.pem');
    const file = join(folder, 'lab.dockercontext');
    writeFileSync(pem, 'a certificate');
    await silo(['context', 'create', 'lab', '--docker', `host=tcp://lab:2376,ca=${pem}`]);
    expect((await silo(['context', 'export', 'lab', file])).err).toBe(`Written file "${file}"\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await silo(['context', 'export', 'lab', file])).err).toStartWith(`open ${file}: file exists`);
    expect((await silo(['context', 'import', 'copy', file])).out).toBe('copy\n');
    const [found] = JSON.parse((await silo(['context', 'inspect', 'copy'])).out);
    expect(found).toMatchObject({ Name: 'copy', Endpoints: { docker: { Host: 'tcp://lab:2376' } } });
    expect(found.TLSMaterial).toEqual({ docker: ['ca.pem'] });
    writeFileSync(file, 'no archive');
    expect((await silo(['context', 'import', 'other', file])).code).toBe(1);
  });

  test('that is missing is told, and can be left', async () => {
    const missing = await silo(['-c', 'nope', 'ps']);
    expect(missing.code).toBe(1);
    expect(missing.err).toStartWith('context "nope": context not found\nHint: `silo context ls`');
    await silo(['context', 'create', 'lab', '--docker', 'host=tcp://lab']);
    await silo(['context', 'use', 'lab']);
    rmSync(join(folder, 'contexts/meta'), { recursive: true });
    expect((await silo(['context', 'use', 'default'])).code).toBe(0);
  });

  test('with a name or an address that is none is refused', async () => {
    for (const [words, message] of [
      [['default', '--docker', 'host=tcp://a'], 'reserved context name'],
      [['../x', '--docker', 'host=tcp://a'], 'is invalid, names are validated'],
      [['ok', '--docker', 'host=nonsense'], 'unable to parse docker host'],
      [['ok', '--docker', 'hots=tcp://a'], 'unrecognized config key: hots'],
      [['ok'], 'docker endpoint configuration is required'],
    ] as const)
      expect((await silo(['context', 'create', ...words])).err).toContain(message);
  });
});

test('an engine elsewhere is asked through ssh, whose own words reach the user', async () => {
  await using server = await startTestServer();
  // Takes what ssh would carry to the other machine and runs it here.
  const bin = join(root, 'bin');
  mkdirSync(bin);
  const silo = `${process.execPath} ${join(import.meta.dir, '../../../bin/silo.ts')}`;
  const script = `#!/bin/sh
echo "$*" >> ${join(root, 'calls')}
while [ "$1" != -- ]; do shift; done
[ "$2" = box ] || { echo "ssh: no route to $2" >&2; exit 255; }
shift 3
exec env -u SILO_HOST ${silo} "$@"
`;
  writeFileSync(join(bin, 'ssh'), script);
  chmodSync(join(bin, 'ssh'), 0o755);
  const run = async (host: string) => {
    const child = Bun.spawn(
      [
        process.execPath,
        join(import.meta.dir, '../../../bin/silo.ts'),
        '-H',
        host,
        'version',
        '--format',
        '{{.Server.Version}}',
      ],
      {
        env: { ...process.env, PATH: `${bin}:${process.env['PATH']}`, HOME: folder },
        stdout: 'pipe',
        stderr: 'pipe',
      },
    );
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { out, err, code };
  };
  const path = server.host.replace('unix://', '');
  const answer = await run(`ssh://box:2222${path}`);
  expect(answer).toMatchObject({ code: 0, err: '' });
  expect(answer.out.trim()).not.toBe('');
  expect(await Bun.file(join(root, 'calls')).text()).toStartWith(
    `-o ConnectTimeout=30 -T -p 2222 -- box silo -H unix://${path} system dial-stdio\n`,
  );
  const refused = await run('ssh://elsewhere');
  expect(refused.code).toBe(1);
  expect(refused.err).toContain('ssh: no route to elsewhere');
}, 30_000);

test('ssh that is not installed is told; one that still connects ends when the command is interrupted', async () => {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const start = (path: string) =>
    Bun.spawn([process.execPath, join(import.meta.dir, '../../../bin/silo.ts'), '-H', 'ssh://box', 'ps'], {
      env: { ...process.env, PATH: path, HOME: folder },
      stdout: 'ignore',
      stderr: 'pipe',
    });
  const without = start(bin);
  expect(await new Response(without.stderr).text()).toStartWith('ssh is not installed on this machine');
  expect(await without.exited).toBe(1);
  const script = '#!/bin/sh\necho waiting >&2\nexec sleep 600\n';
  writeFileSync(join(bin, 'ssh'), script, { mode: 0o755 });
  const waiting = start(`${bin}:${process.env['PATH']}`);
  const said = waiting.stderr.getReader();
  expect(Buffer.from((await said.read()).value ?? []).toString()).toBe('waiting\n');
  // What `make test` starts in the background ignores SIGINT.
  waiting.kill('SIGTERM');
  // Both hold the pipe: it ends when ssh has, too.
  while (!(await said.read()).done);
  await waiting.exited;
  expect(waiting.signalCode).toBe('SIGTERM');
}, 30_000);
