import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, launch, logs, remove, unframe, wait } from '../e2e/objects.ts';

if (skipReason) console.log(`skipped: log rotation: ${skipReason}`);

/** The first line that is not the one that is due. */
function firstOdd(text: string, last: number): string {
  const lines = text.split('\n');
  const at = lines.findIndex((line, i) => line !== (i === last ? '' : String(i + 1)));
  return at < 0 && lines.length === last + 1 ? '' : `line ${at + 1} is ${lines[at]}, of ${lines.length}`;
}

const numbers = (first: number, last: number): string =>
  `${Array.from({ length: last - first + 1 }, (_, i) => first + i).join('\n')}\n`;

describe.skipIf(skipReason !== undefined)('rotation', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
  }, 60_000);
  afterAll(() => engine[Symbol.asyncDispose]());

  const folderOf = async (name: string): Promise<string> =>
    dirname((await ask<{ LogPath: string }>(engine, 'GET', `/containers/${name}/json`)).LogPath);
  const archives = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.zst'));
  const follow = async (name: string): Promise<string> => {
    const answer = await fetch(`http://localhost/containers/${name}/logs?stdout=1&stderr=1&follow=1`, {
      unix: engine.socket,
      signal: AbortSignal.timeout(60_000),
    });
    return unframe(Buffer.from(await answer.arrayBuffer()));
  };

  test('nothing is lost or doubled across rotations, for a follower and for a later reader', async () => {
    await launch(engine, 'fast', {
      Cmd: ['seq', '1', '200000'],
      HostConfig: { LogConfig: { Type: 'local', Config: { 'max-size': '2m', 'max-file': '20' } } },
    });
    const followed = follow('fast');
    await wait(engine, 'fast');
    expect(firstOdd(await followed, 200_000)).toBe('');
    expect(firstOdd(await logs(engine, 'fast'), 200_000)).toBe('');
    const folder = await folderOf('fast');
    expect(await eventually(() => archives(folder).length >= 1)).toBe(true);
    expect(firstOdd(await logs(engine, 'fast'), 200_000)).toBe('');
    await remove(engine, 'fast');
  }, 90_000);

  test('what is kept stays within the limits, and is the end', async () => {
    await launch(engine, 'bound', {
      Cmd: ['seq', '1', '100000'],
      HostConfig: {
        LogConfig: { Type: 'json-file', Config: { 'max-size': '200k', 'max-file': '3' } },
      },
    });
    await wait(engine, 'bound');
    const folder = await folderOf('bound');
    const kept = (): string[] =>
      readdirSync(folder).filter((name) => /^container\.log(\.\d+(\.zst)?)?$/.test(name));
    // A segment that is being compressed has two files for a moment.
    expect(await eventually(() => kept().length <= 3)).toBe(true);
    const size = (name: string): number => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
    for (const name of kept()) expect(size(name)).toBeLessThan(5_000_000);
    expect((await logs(engine, 'bound')).endsWith('99999\n100000\n')).toBe(true);
    await remove(engine, 'bound');
  }, 60_000);

  test.each(['logs.rotate.renamed', 'logs.compress.written', 'logs.compress.published'])(
    'a death at %s loses nothing and doubles nothing',
    async (fault) => {
      await engine.stop();
      await engine.start({ fault });
      const shared = join(engine.directory, `shared-${fault}`);
      mkdirSync(shared);
      const name = fault.replaceAll('.', '-');
      await launch(engine, name, {
        Cmd: ['sh', '-c', 'seq 1 30000; while ! [ -e /shared/on ]; do sleep 0.05; done; seq 30001 60000'],
        HostConfig: {
          Binds: [`${shared}:/shared`],
          LogConfig: { Type: 'local', Config: { 'max-size': '1m' } },
        },
      });
      await engine.died();
      await engine.start();
      expect(await eventually(async () => (await logs(engine, name)) === numbers(1, 30_000))).toBe(true);
      const followed = follow(name);
      writeFileSync(join(shared, 'on'), '');
      await wait(engine, name);
      expect(firstOdd(await followed, 60_000)).toBe('');
      const folder = await folderOf(name);
      expect(await eventually(() => archives(folder).length >= 1)).toBe(true);
      expect(
        await eventually(() => !readdirSync(folder).some((file) => /\.part$|\.log\.\d+$/.test(file))),
      ).toBe(true);
      expect(firstOdd(await logs(engine, name), 60_000)).toBe('');
      await remove(engine, name);
    },
    90_000,
  );
});
