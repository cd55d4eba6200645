import { describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { formatFrame } from '../../src/foundation/http/channels/frame.ts';
import type { BuildRecordJson } from '../../src/foundation/wire/silo/builds.ts';
import { skipReason } from '../crash/world.ts';
import type { TestEngine } from '../e2e/harness.ts';
import { ask } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';
import { type Files, useEngine, writeContext } from './harness.ts';

if (skipReason) console.log(`skipped: build sessions: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('build sessions', () => {
  let engine: TestEngine;
  useEngine((started) => (engine = started));

  const context = (name: string, files: Files): string => writeContext(engine, name, files);
  const events = (text: string): { kind: string; files?: number; totalFiles?: number }[] =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string });
  const records = (): Promise<BuildRecordJson[]> => ask(engine, 'GET', '/silo/builds');

  test('a context is sent once; the history tells of both builds; the cache can be listed and pruned', async () => {
    const folder = context('twice', {
      Dockerfile: 'FROM busybox\nCOPY . /all\nRUN echo hello\n',
      a: 'one',
      'b/c': 'two',
    });
    const sent = async (): Promise<unknown> => {
      const { code, stdout } = await engine.silo(
        'build',
        '-t',
        'twice:1',
        '--build-arg',
        'TOKEN=hush',
        '--progress=json',
        folder,
      );
      expect(code).toBe(0);
      const [context] = events(stdout).filter(({ kind }) => kind === 'context');
      return [context?.files, context?.totalFiles];
    };
    expect(await sent()).toEqual([3, 3]);
    expect(await sent()).toEqual([0, 3]);
    const [latest, first] = await records();
    expect(latest).toMatchObject({ Status: 'done', Arguments: ['TOKEN'], Steps: { Cached: 2 } });
    const logs = await engine.silo('build', 'logs', first?.ID.slice(0, 8) ?? '');
    expect(logs.stdout).toContain('#3 hello\n#3 DONE');
    expect(JSON.stringify(await records())).not.toContain('hush');
    expect((await engine.silo('build', 'history')).stdout).toContain('twice:1');
    const cache = await engine.silo('build', 'cache', 'ls', '--format', '{{.Type}} {{.Description}}');
    expect(cache.stdout).toContain('regular COPY . /all\n');
    expect(cache.stdout).toContain('source.local files of build contexts\n');
    await engine.silo('build', 'cache', 'prune', '-f', '--filter', 'type=source.local');
    expect(await sent()).toEqual([3, 3]);
    const pruned = await engine.silo('builder', 'prune', '-f', '--filter', 'until=1h');
    expect(pruned.stdout).toBe('Total reclaimed space: 0B\n');
    const removed = await engine.silo('build', 'history', 'rm', first?.ID ?? '');
    expect(removed).toMatchObject({ code: 0 });
    expect(await records()).not.toContainEqual(expect.objectContaining({ ID: first?.ID }));
  }, 60_000);

  test('secrets go to the step that asks, and results to the folder that was named and nowhere else', async () => {
    const folder = context('gives', {
      Dockerfile:
        'FROM busybox AS base\nRUN --mount=type=secret,id=token cat /run/secrets/token > /seen\nFROM scratch\nCOPY --from=base /seen /out/seen\n',
    });
    const { command, env } = engine.client(
      'silo',
      'build',
      '--secret',
      'id=token,env=THE_TOKEN',
      '-o',
      join(engine.directory, 'result'),
      folder,
    );
    const result = await run(command, { env: { ...env, THE_TOKEN: 'only here' } });
    expect(result).toMatchObject({ code: 0 });
    expect(readFileSync(join(engine.directory, 'result/out/seen'), 'utf8')).toBe('only here');
  }, 60_000);

  /** A build that has begun its RUN. */
  async function begin(folder: string) {
    const { command, env } = engine.client('silo', 'build', folder);
    const child = spawn(command[0] ?? '', command.slice(1), {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    const begun = Promise.withResolvers<void>();
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
        if (output[name].includes('#2 begun')) begun.resolve();
      });
    const ended = once(child, 'close').then(([code]: unknown[]) => ({ code, ...output }));
    void ended.then(() => begun.reject(new Error(`the build ended: ${output.stderr}`)));
    await begun.promise;
    return { child, ended };
  }
  const sleeping = { Dockerfile: 'FROM busybox\nRUN echo begun; sleep 1000\n' };

  test('an interrupt ends the build and leaves nothing', async () => {
    const { child, ended } = await begin(context('interrupted', sleeping));
    child.kill('SIGINT');
    expect(await ended).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('the build was canceled'),
    });
    expect(await ask(engine, 'GET', '/containers/json?all=1')).toEqual([]);
    expect((await records())[0]).toMatchObject({ Status: 'canceled' });
  }, 60_000);

  test('a shell opens in the state before a step that failed, with what it had mounted', async () => {
    const folder = context('debugged', {
      Dockerfile:
        'FROM busybox\nENV X=1\nRUN echo before > /before\nRUN --mount=type=secret,id=s,env=S echo after > /after; false\n',
    });
    const { command, env } = engine.client('silo', 'build', 'debug', '--secret', 'id=s', folder);
    const child = spawn(command[0] ?? '', command.slice(1), { env: { ...process.env, ...env, s: 'hush' } });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        if (!output.includes('/ #') && (output + text).includes('/ #'))
          child.stdin.write('echo $X $S $(cat /before) $(ls /after 2>&1 | wc -l); exit\n');
        output += text;
      });
    const [code] = (await once(child, 'close')) as [number];
    expect([code, output]).toEqual([1, expect.stringContaining('1 hush before 1\r\n')]);
    expect(output).toContain('returned a non-zero code: 1');
    expect(await ask(engine, 'GET', '/containers/json?all=1')).toEqual([]);
  }, 60_000);

  test('an engine that is killed meanwhile is told of, and its record is lost', async () => {
    const { ended } = await begin(context('killed', sleeping));
    await engine.kill();
    expect(await ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the engine ended during the build'),
    });
    await engine.start();
    expect((await records())[0]).toMatchObject({ Status: 'lost' });
    expect(await ask(engine, 'GET', '/containers/json?all=1')).toEqual([]);
  }, 60_000);

  test('peers that do not keep to the protocol are cut off or told, and others go on', async () => {
    /** Sends bytes behind the head and gives all that comes until the connection ends. */
    const send = async (bytes: Buffer, version = '1'): Promise<string> => {
      const socket = connect(engine.socket);
      const pieces: Buffer[] = [];
      socket.on('data', (piece: Buffer) => pieces.push(piece)).on('error', () => undefined);
      const head = `POST /silo/build?version=${version} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`;
      socket.write(Buffer.concat([Buffer.from(head), bytes]));
      await once(socket, 'close');
      return Buffer.concat(pieces).toString('latin1');
    };
    const open = formatFrame('open', 1, Buffer.from('{"kind":"build"}'));
    const line = (value: object | string): Buffer =>
      formatFrame('data', 1, Buffer.from(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`));
    expect(await send(Buffer.alloc(0), '99')).toContain('only version 1');
    await send(Buffer.from('\xff\xff\xff\xff garbage of a peer', 'latin1'));
    await send(formatFrame('data', 9, Buffer.from('x')));
    expect(await send(Buffer.concat([open, line('{')]))).toContain('is no JSON');
    expect(await send(Buffer.concat([open, line({ contexts: { '': { kind: 'odd' } } })]))).toContain(
      'unknown kind of context',
    );
    expect(await send(Buffer.concat([open, line({ contexts: {} })]))).toContain('needs a context');
    expect(
      await send(Buffer.concat([open, line({ contexts: { '': { kind: 'folder' } }, query: 't=UPPER' })])),
    ).toContain('must be lowercase');
    expect((await engine.silo('build', '-q', context('after', { Dockerfile: 'FROM busybox\n' }))).code).toBe(
      0,
    );
  }, 60_000);
});
