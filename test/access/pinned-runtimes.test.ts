import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { bootstrapBusybox, create, remove, runOnce } from '../e2e/objects.ts';
import { startHostileRegistry } from '../registry/hostile-registry.ts';
import { digestOf, sampleImage } from '../registry/sample-image.ts';

if (skipReason) console.log(`skipped: pinned runtimes: ${skipReason}`);

setDefaultTimeout(60_000);

describe.skipIf(skipReason !== undefined)('a pinned runtime', () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-pinned-'));
  const crun = skipReason === undefined ? readFileSync(realpathSync('/usr/bin/crun')) : Buffer.alloc(0);
  const digest = digestOf(crun);
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    mkdirSync(join(folder, 'release'));
    copyFileSync('/usr/bin/crun', join(folder, 'release/crun'));
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const names = async (): Promise<string> =>
    (await engine.silo('runtime', 'ls', '--format', '{{.Name}} {{.Program}} {{.Digest}}')).stdout;
  const restart = async (): Promise<void> => {
    await engine.stop();
    await engine.start();
  };
  const kept = (): string => join(engine.dataRoot, 'runtimes', digest.slice(7), 'crun');

  test('that is none, is for another machine, or has another digest is refused', async () => {
    const source = (name: string, content: string | Buffer): string => {
      writeFileSync(join(folder, name), content, { mode: 0o755 });
      return join(folder, name);
    };
    const foreign = Buffer.from(crun);
    foreign.writeUInt16LE(8, 18);
    const cases: [string[], string][] = [
      [['one', source('script', '#!/bin/sh\necho crun version 9.9\n')], 'not a program for this machine'],
      [['one', source('foreign', foreign)], 'not a program for this machine'],
      [['one', source('empty', '')], 'not a program for this machine'],
      [['one', '/bin/busybox'], 'does not tell its version'],
      [['one', folder], 'there is no'],
      [['.one', join(folder, 'release')], 'cannot be the name'],
      [['one', join(folder, 'release'), '--digest', `sha256:${'0'.repeat(64)}`], 'has the digest'],
      [['one', 'registry.example.org/crun:latest'], 'may be another image tomorrow'],
    ];
    for (const [words, reason] of cases) {
      const { code, stderr } = await engine.silo('runtime', 'install', ...words);
      expect([words[1], code, stderr]).toEqual([words[1], 1, expect.stringContaining(reason)]);
    }
    expect(await names()).toBe('');
    expect(readdirSync(join(engine.dataRoot, 'runtimes'))).toEqual([]);
  });

  test('from a folder is used from the next start, under its own name and in place of the machine’s', async () => {
    for (const name of ['kept', 'crun']) {
      const installed = await engine.silo(
        'runtime',
        'install',
        name,
        join(folder, 'release'),
        '--digest',
        digest,
      );
      expect([installed.code, installed.stderr]).toEqual([0, '']);
    }
    expect(await names()).toBe(`crun crun ${digest}\nkept crun ${digest}\n`);
    expect([statSync(join(engine.dataRoot, 'runtimes')).mode & 0o077, statSync(kept()).mode & 0o277]).toEqual(
      [0, 0],
    );
    expect(
      (await engine.api('POST', '/containers/create', { Image: 'busybox', HostConfig: { Runtime: 'kept' } }))
        .status,
    ).toBe(400);
    await restart();
    const { Runtimes } = JSON.parse((await engine.api('GET', '/info')).text) as {
      Runtimes: Record<string, { path: string }>;
    };
    expect([Runtimes['crun']?.path, Runtimes['kept']?.path]).toEqual([kept(), kept()]);
    for (const HostConfig of [{ Runtime: 'kept' }, {}])
      expect(await runOnce(engine, 'subject', { Cmd: ['echo', 'hello'], HostConfig })).toEqual({
        code: 0,
        output: 'hello\n',
      });
  });

  test('is not replaced unasked, nor removed under its containers', async () => {
    copyFileSync('/usr/bin/crun', join(folder, 'other'));
    appendFileSync(join(folder, 'other'), 'x');
    expect((await engine.silo('runtime', 'install', 'kept', join(folder, 'other'))).stderr).toContain(
      'is pinned to crun',
    );
    await create(engine, 'subject', { Cmd: ['true'], HostConfig: { Runtime: 'kept' } });
    expect((await engine.silo('runtime', 'rm', 'kept')).stderr).toContain(
      'container subject has the runtime kept',
    );
    await remove(engine, 'subject');
    expect((await engine.silo('runtime', 'rm', 'kept')).stdout).toBe('kept\n');
    expect((await engine.silo('runtime', 'rm', 'kept')).stderr).toContain('no such pinned runtime');
  });

  test('comes from an image by its digest, which is pulled and not run', async () => {
    await using registry = await startHostileRegistry();
    const image = sampleImage({ layers: [{ 'usr/bin/crun': crun }] });
    registry.add('runtimes/crun', '1', image);
    const reference = `${registry.host}/runtimes/crun@${image.documents[0]?.digest}`;
    const { code, stdout } = await engine.silo('runtime', 'install', 'pulled', reference);
    expect([code, stdout]).toEqual([0, expect.stringContaining(digest)]);
    expect((await engine.api('GET', '/containers/json?all=1')).text).toBe('[]\n');
  });

  test('that was changed is not used, and the machine’s does not take its place', async () => {
    await engine.stop();
    chmodSync(kept(), 0o700);
    appendFileSync(kept(), 'x');
    const failure = await engine.start().then(() => 'started', String);
    expect(failure).toContain('the pinned runtime crun, the default one, is not what was installed');
    rmSync(join(engine.dataRoot, 'runtimes/crun.json'));
    await engine.start();
    expect(engine.log()).toContain('the pinned runtime pulled is not used');
    expect(
      (
        await engine.api('POST', '/containers/create', {
          Image: 'busybox',
          HostConfig: { Runtime: 'pulled' },
        })
      ).text,
    ).toContain('unknown or invalid runtime name: pulled');
    expect((await runOnce(engine, 'subject', { Cmd: ['echo', 'hello'] })).output).toBe('hello\n');
  });

  test('that was changed is mended by installing it again, and a name that cannot be read is in nobody’s way', async () => {
    writeFileSync(join(engine.dataRoot, 'runtimes/odd.json'), '{');
    const install = (...words: string[]) =>
      engine.silo('runtime', 'install', ...words, join(folder, 'release'));
    expect((await install('pulled')).code).toBe(0);
    expect(digestOf(readFileSync(kept()))).toBe(digest);
    expect(await names()).toBe(`pulled crun ${digest}\n`);
    expect((await install('odd')).stderr).toContain('does not name a runtime');
    expect((await engine.silo('runtime', 'rm', 'odd')).code).toBe(0);
    expect((await install('odd')).code).toBe(0);
    expect((await engine.silo('runtime', 'rm', 'odd')).code).toBe(0);
  });
});
