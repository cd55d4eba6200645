import { describe, expect, test } from 'bun:test';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lowerVersion } from './create-client.ts';
import { errorOfConnection } from './errors.ts';
import { parseHost } from './host.ts';
import { checks, runCheck } from './testing/checks.ts';

describe('client on Bun', () => {
  for (const name of Object.keys(checks)) test(name, () => runCheck(name));
});

describe('client on Node', () => {
  test('the same holds, bundled without Bun', async () => {
    const node = Bun.which('node');
    if (node === null) {
      console.log('skipped: there is no node on this machine');
      return;
    }
    const folder = mkdtempSync(join(tmpdir(), 'silo-node-'));
    try {
      const built = await Bun.build({
        entrypoints: [join(import.meta.dir, 'testing/run-all.ts')],
        target: 'node',
        format: 'esm',
        outdir: folder,
        naming: 'checks.mjs',
      });
      expect(built.success).toBe(true);
      const { code, output } = await run(node, [join(folder, 'checks.mjs')]);
      expect(output.split('\n').filter((line) => !line.startsWith('ok '))).toEqual(['']);
      expect(code).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 30_000);
});

function run(program: string, args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(program, args, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
    });
  });
}

describe('hosts', () => {
  test('are read in all their forms', () => {
    expect(parseHost('unix:///run/x.sock')).toMatchObject({ kind: 'unix', path: '/run/x.sock' });
    expect(parseHost('/run/x.sock')).toMatchObject({ kind: 'unix', path: '/run/x.sock' });
    expect(parseHost('tcp://127.0.0.1:2376')).toMatchObject({
      kind: 'tcp',
      hostname: '127.0.0.1',
      port: 2376,
    });
    expect(parseHost('tcp://[::1]:99')).toMatchObject({ hostname: '::1', port: 99 });
    expect(parseHost('ssh://ann@box.example:2222/run/x.sock')).toMatchObject({
      kind: 'ssh',
      hostname: 'ann@box.example',
      port: 2222,
      path: '/run/x.sock',
    });
    expect(parseHost('tcp://box')).toMatchObject({ hostname: 'box', port: 2375 });
  });

  test('that make no sense are refused', () => {
    for (const text of [
      '',
      'unix://x',
      'ssh://-oProxyCommand=x',
      'ssh://a b',
      'ssh://a/run/$(x)',
      'ssh://a:x',
      'tcp://a:99999',
      'tcp://a:0',
      'tcp://a/b',
      'nonsense',
      'tcp://[zz]:1',
    ])
      expect(() => parseHost(text)).toThrow('unable to parse docker host');
  });
});

test('the lower version of the two sides is used', () => {
  expect(lowerVersion('1.47', '1.51')).toBe('1.47');
  expect(lowerVersion('1.60', '1.51')).toBe('1.51');
  expect(lowerVersion('2.0', '1.51')).toBe('1.51');
  expect(lowerVersion('', '1.51')).toBe('1.24');
});

test('who is not let in, or finds nobody, is told what to do and what chose the address', () => {
  const failure = (code: string) => Object.assign(new Error(code), { code });
  const host = { text: 'unix:///run/x.sock' };
  expect(errorOfConnection(host, failure('EACCES')).hint).toContain('usermod -aG silo');
  expect(errorOfConnection(host, failure('ENOENT')).hint).toContain('with -H or SILO_HOST');
  const named = { ...host, namedBy: 'DOCKER_HOST' };
  expect(errorOfConnection(named, failure('ECONNREFUSED')).hint).toEndWith(
    '; DOCKER_HOST chose this address',
  );
});
