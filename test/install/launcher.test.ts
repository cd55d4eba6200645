import { afterAll, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const launcher = join(import.meta.dir, '../../silo');
const folder = mkdtempSync(join(tmpdir(), 'silo-launcher-'));
afterAll(() => rmSync(folder, { recursive: true }));

function run(program: string, words: string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
  const { status, stdout, stderr } = spawnSync(program, words, {
    cwd: options.cwd ?? folder,
    env: { PATH: process.env['PATH'] ?? '', SILO_SETUP: 'skip', ...options.env },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test('is found through any chain of links, from any folder', () => {
  mkdirSync(join(folder, 'bin'));
  symlinkSync(launcher, join(folder, 'first'));
  symlinkSync('../first', join(folder, 'bin/silo'));
  for (const [program, cwd] of [
    [launcher, '/'],
    [join(folder, 'bin/silo'), '/'],
    ['./bin/silo', folder],
  ] as const)
    expect(run(program, ['--version'], { cwd })).toMatchObject({ status: 0, stderr: '' });
});

test('nothing in the folder where it is called is obeyed or run', () => {
  const hostile = join(folder, 'hostile');
  mkdirSync(hostile);
  writeFileSync(join(hostile, 'bunfig.toml'), 'preload = ["./run-me.ts"]\n');
  writeFileSync(join(hostile, 'run-me.ts'), 'console.log("code of a stranger");\n');
  writeFileSync(join(hostile, '.env'), 'SILO_HOST=tcp://192.0.2.1:1\n');
  expect(run(launcher, ['--version'], { cwd: hostile })).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^Silo version \S+, build \S+\n$/) as string,
  });
  expect(run(launcher, ['ps'], { cwd: hostile, env: { DOCKER_HOST: 'unix:///none.sock' } }).stderr).toContain(
    '/none.sock',
  );
});

test('without its packages, and told to install nothing, it says what is missing', () => {
  const bare = join(folder, 'bare');
  mkdirSync(bare);
  cpSync(launcher, join(bare, 'silo'));
  const { status, stderr } = run(join(bare, 'silo'), ['ps']);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^silo: \S+\/bun is missing: run it once without SILO_SETUP=skip\n$/);
});

test('set-up without npm names the command that brings it', () => {
  const bare = join(folder, 'no-npm');
  mkdirSync(join(bare, 'install'), { recursive: true });
  for (const file of ['silo', 'install/setup.sh']) cpSync(join(launcher, '..', file), join(bare, file));
  const path = join(folder, 'few-programs');
  mkdirSync(path);
  for (const name of ['sh', 'uname', 'mkdir', 'id', 'readlink'])
    symlinkSync(`/bin/${name}`, join(path, name));
  const { status, stderr } = run(join(bare, 'silo'), ['ps'], { env: { PATH: path, SILO_SETUP: '' } });
  expect(status).toBe(1);
  expect(stderr).toContain('npm is missing');
  expect(stderr).toContain('apt-get install nodejs npm');
});

test('nothing is installed for an engine that is somewhere else', () => {
  const bare = join(folder, 'elsewhere');
  const path = join(folder, 'root-without-engine');
  const config = join(folder, 'config');
  for (const each of [join(bare, 'install'), path, join(config, 'contexts')])
    mkdirSync(each, { recursive: true });
  cpSync(launcher, join(bare, 'silo'));
  writeFileSync(join(bare, 'install/setup.sh'), 'echo "set-up: $*"\n');
  for (const name of ['sh', 'uname', 'readlink']) symlinkSync(`/bin/${name}`, join(path, name));
  writeFileSync(join(path, 'id'), '#!/bin/sh\necho 0\n', { mode: 0o755 });
  for (const machine of ['x64', 'aarch64']) {
    const bin = join(bare, `node_modules/@oven/bun-linux-${machine}/bin`);
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'bun'), '#!/bin/sh\n', { mode: 0o755 });
  }
  const said = (env: Record<string, string> = {}): string =>
    run(join(bare, 'silo'), ['ps'], { env: { PATH: path, SILO_SETUP: '', DOCKER_CONFIG: config, ...env } })
      .stderr;
  const current = (text: string): void => writeFileSync(join(config, 'contexts/silo-current'), text);
  expect(said()).toBe('set-up: run ps\n');
  expect(said({ SILO_HOST: 'ssh://box' })).toBe('');
  current('lab\n');
  expect(said()).toBe('');
  current('lab');
  expect(said()).toBe('');
  for (const text of ['default\n', '']) {
    current(text);
    expect(said()).toBe('set-up: run ps\n');
  }
});
