import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';

/** A process that locks itself up, and then tries. */
const tries = `
import { forbidNewPrivileges } from '${import.meta.dir}/confine.ts';
import { forbidDangerousCalls } from '${import.meta.dir}/forbid-calls.ts';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { gzipSync, gunzip } from 'node:zlib';
forbidNewPrivileges();
forbidDangerousCalls();
const status = readFileSync('/proc/self/status', 'utf8');
const threads = Number(/^Threads:\\s+(\\d+)/m.exec(status)?.[1]);
const started = spawnSync('/bin/true');
const listens = await new Promise((resolve) => {
  const server = createServer();
  server.on('error', () => resolve('refused'));
  server.listen('/tmp/silo-never-' + process.pid, () => resolve('listens'));
});
const plain = await new Promise((resolve) => gunzip(gzipSync('works on'), (error, bytes) => resolve(String(error ?? bytes))));
console.log(JSON.stringify({ filtered: /^Seccomp:\\s+2/m.test(status), severalThreads: threads > 1, started: started.status, listens, plain }));
`;

test('a process that forbade itself dangerous calls starts no program and opens no socket, and works on, on other threads too', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', tries], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({ filtered: true, listens: 'refused', plain: 'works on' });
  expect((JSON.parse(stdout) as { started: number | null }).started).not.toBe(0);
});
