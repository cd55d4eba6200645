import { afterAll, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'silo-compiled-'));
afterAll(() => rmSync(folder, { recursive: true }));

const program = (at: string): string => `
  import { mkdirat } from ${JSON.stringify(at)};
  if (process.argv[2]) mkdirat(-100, process.argv[2], 0o700);
  const maps = require('node:fs').readFileSync('/proc/self/maps', 'utf8');
  console.log(maps.includes('.node') ? 'loaded' : 'not loaded');
`;

test('a single executable elsewhere makes kernel calls, and loads nothing until then', () => {
  const source = join(folder, 'main.ts');
  const executable = join(folder, 'elsewhere', 'main');
  mkdirSync(join(folder, 'elsewhere'));
  writeFileSync(source, program(join(import.meta.dirname, 'at.ts')));
  const run = (command: string, ...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: folder,
      env: { BUN_TMPDIR: folder },
      encoding: 'utf8',
    });
    return status === 0 ? stdout.trim() : stderr;
  };
  const built = run(process.execPath, 'build', '--compile', source, '--outfile', executable);
  expect(built).toContain('compile');
  expect(run(executable)).toBe('not loaded');
  expect(run(executable, 'made')).toBe('loaded');
  expect(run(executable, 'made')).toContain('mkdirat "made": file exists (EEXIST)');
}, 20_000);
