import { afterAll, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runWords } from '../testing/run-words.ts';
import { completionScripts } from './scripts.ts';

const folder = mkdtempSync(join(tmpdir(), 'silo-complete-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const nowhere = { SILO_HOST: `unix://${folder}/none.sock`, DOCKER_CONFIG: folder };
const candidates = async (...words: string[]): Promise<string[]> =>
  (await runWords(['__complete', ...words], { env: nowhere })).out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0] ?? '');

test('commands, groups and their members are offered, and options of a command', async () => {
  expect(await candidates('ru')).toEqual(['run', 'runtime']);
  expect(await candidates('network', 'c')).toEqual(['connect', 'create']);
  expect(await candidates('run', '--health-o')).toEqual(['--health-on-failure']);
  expect(await candidates('run', '--health-on-failure', 're')).toEqual(['restart']);
  expect(await candidates('--tlsv')).toEqual(['--tlsverify']);
  expect(await candidates('-D', 'build', 'h')).toContain('history');
});

test('contexts are offered where one is wanted', async () => {
  await runWords(['context', 'create', 'lab', '--docker', 'host=tcp://lab'], { env: nowhere });
  expect(await candidates('context', 'use', '')).toEqual(['default', 'lab']);
  expect(await candidates('--context', 'l')).toEqual(['lab']);
});

test("nothing is offered behind another program's words, nor more arguments than a command takes", async () => {
  expect(await candidates('run', 'busybox', '--')).toEqual([]);
  expect(await candidates('completion', 'bash', '')).toEqual([]);
});

test('files are offered whether or not the daemon answers', async () => {
  expect(await candidates('cp', '')).toEqual([':files']);
  expect(await candidates('load', '-i', '')).toEqual([':files']);
});

test('bash takes what is offered, also behind colons, and leaves `cp NAME:` open', async () => {
  const silo = join(folder, 'silo');
  const script = join(folder, 'silo.bash');
  writeFileSync(script, completionScripts['bash'] ?? '');
  const complete = async (offered: string, line: string): Promise<string> => {
    writeFileSync(silo, `#!/bin/sh\nprintf '${offered}'\n`);
    chmodSync(silo, 0o755);
    const words = `. ${script}; compopt() { echo "compopt $*"; }; COMP_LINE='${line}' COMP_POINT=${line.length}; _silo; printf '%s|' "\${COMPREPLY[@]}"`;
    const child = Bun.spawn(['bash', '--norc', '-c', words], {
      env: { PATH: `${folder}:/usr/bin:/bin` },
      stdout: 'pipe',
    });
    return await new Response(child.stdout).text();
  };
  expect(await complete('web\\tbusybox\\nwork\\n', 'silo stop w')).toBe('web|work|');
  expect(await complete('busybox:1\\n', 'silo run busybox:')).toBe('1|');
  expect(await complete('web:\\n', 'silo cp w')).toBe('compopt -o nospace\nweb:|');
});
