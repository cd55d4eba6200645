import { afterAll, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runWords } from '../frontends/cli/testing/run-words.ts';
import { findService } from './service-of.ts';
import { stopDaemon } from './stop-daemon.ts';

const folder = mkdtempSync(join(tmpdir(), 'silo-stop-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A process that listens and answers everything with this; it tells when it is up, and how often it was asked. */
async function standIn(name: string, answer: object) {
  const path = join(folder, name);
  const script = `
    Bun.serve({ unix: ${JSON.stringify(path)}, fetch: () => Response.json(${JSON.stringify(answer)}) });
    process.stdout.write('up');
    process.on('SIGTERM', () => process.exit(99));
  `;
  const child = spawn(process.execPath, ['-e', script, 'daemon'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  return {
    host: `unix://${path}`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      // 99 would be its answer to the signal that ends an engine.
      expect(await ended).toEqual([null, 'SIGKILL']);
    },
  };
}

test('what answers as another engine, or only says that it is Silo, is not signalled', async () => {
  await using docker = await standIn('docker', { Platform: { Name: 'Docker Engine' }, Version: '28' });
  expect(await stopDaemon({ host: docker.host }).catch((error: unknown) => error)).toMatchObject({
    code: 'not-a-silo-daemon',
    message: expect.stringContaining('does not answer as an engine of Silo: nothing is stopped') as string,
  });
  await using liar = await standIn('liar', { Platform: { Name: 'Silo' } });
  expect(await stopDaemon({ host: liar.host }).catch((error: unknown) => error)).toMatchObject({
    code: 'not-a-silo-daemon',
    message: expect.stringContaining('is no `silo daemon`') as string,
  });
}, 60_000);

test('a socket that nobody listens at is told', async () => {
  const host = `unix://${join(folder, 'none')}`;
  expect(await stopDaemon({ host }).catch((error: unknown) => error)).toMatchObject({
    kind: 'not-found',
    message: `no engine listens at ${host}`,
  });
});

test("Docker's variables do not say which engine is stopped", async () => {
  const asked: string[] = [];
  const stop = (env: Record<string, string>) =>
    runWords(['daemon', 'stop'], {
      env: { DOCKER_CONFIG: folder, ...env },
      deps: { stopDaemon: ({ host }) => Promise.resolve(asked.push(host)) },
    });
  expect(await stop({ DOCKER_HOST: 'unix:///run/docker.sock' })).toMatchObject({
    code: 0,
    err: "DOCKER_HOST does not count here: only -H, SILO_HOST and silo's own contexts do\n",
  });
  expect((await stop({ DOCKER_CONTEXT: 'lab' })).err).toStartWith('DOCKER_CONTEXT does not count here');
  expect((await stop({ SILO_HOST: 'unix:///run/own.sock', DOCKER_HOST: 'unix:///other.sock' })).err).toBe('');
  expect(asked).toEqual(['unix:///run/silo/silo.sock', 'unix:///run/silo/silo.sock', 'unix:///run/own.sock']);
});

test('the main process of a service is known by what systemd told it, else by its control group', async () => {
  const find = (environment: string, groups: string, main?: number) =>
    findService({ pid: 7, environment, groups }, () => Promise.resolve(main));
  const groups = '1:cpu:/\n0::/system.slice/mine.service\n';
  expect(await find('A=b\0SYSTEMD_EXEC_PID=7\0', groups)).toBe('mine.service');
  expect(await find('SYSTEMD_EXEC_PID=6\0', groups)).toBeUndefined();
  expect(await find('', groups, 7)).toBe('mine.service');
  expect(await find('', groups)).toBe('mine.service');
  expect(await find('', groups, 6)).toBeUndefined();
  expect(await find('', '0::/user.slice/session-1.scope\n')).toBeUndefined();
});
