import { expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason as crashSkipReason } from '../crash/world.ts';
import { eventually, mountsOf } from '../e2e/footprint.ts';
import { startEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, exists, inspect, launch, logs, remove, start } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';

const mkfs = '/usr/sbin/mkfs.ext4';
const skipReason =
  crashSkipReason ?? [mkfs, '/dev/loop-control'].find((path) => !existsSync(path))?.concat(' is missing');
if (skipReason) console.log(`skipped: a failing disk: ${skipReason}`);

/**
 * A file system in a file of a small memory disk: when that is full, writes of the upper one end with EIO, and the kernel makes it read-only, as with a
 * disk that fails.
 */
async function openFailingDisk(): Promise<
  AsyncDisposable & { path: string; fail(): Promise<void>; mend(): Promise<void> }
> {
  await using undo = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'silo-failing-'));
  undo.defer(() => rmSync(folder, { recursive: true, force: true }));
  const [below, path] = [join(folder, 'below'), join(folder, 'disk')];
  for (const place of [below, path]) mkdirSync(place);
  const image = join(below, 'image');
  const fill = join(below, 'fill');
  const must = async (...words: string[]): Promise<void> => {
    const { code, stderr } = await run(words);
    if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
  };
  await must('mount', '-t', 'tmpfs', '-o', 'size=48m', 'silo-below', below);
  undo.defer(() => run(['umount', '-l', below]).then(() => undefined));
  await must('truncate', '-s', '256M', image);
  await must(mkfs, '-q', '-F', image);
  await must('mount', '-o', 'loop', image, path);
  undo.defer(() => run(['umount', '-l', path]).then(() => undefined));
  const owned = undo.move();
  return {
    path,
    fail: () => run(['dd', 'if=/dev/zero', `of=${fill}`, 'bs=4k']).then(() => undefined),
    async mend() {
      rmSync(fill, { force: true });
      await must('umount', path);
      // The journal is replayed.
      await must('mount', '-o', 'loop', image, path);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A line that the failing disk cut off may run into the next one. */
const numbersOf = (text: string): number[] =>
  text
    .split('\n')
    .filter((line) => /^\d{1,9}$/.test(line))
    .map(Number);

test.skipIf(skipReason !== undefined)(
  'a disk that fails: changes are refused, reads and containers go on, and nothing acknowledged is lost',
  async () => {
    await using disk = await openFailingDisk();
    await using engine = await startEngine({ dataRoot: join(disk.path, 'data') });
    await bootstrapBusybox(engine);
    await launch(engine, 'steady', { Cmd: ['sleep', '600'] });
    const { State } = await inspect(engine, 'steady');
    // Its log is rotated and compressed some times a second, also while the disk fails.
    await launch(engine, 'talker', {
      Cmd: ['sh', '-c', 'i=0; while :; do seq $i $((i+999)); i=$((i+1000)); usleep 20000; done'],
      HostConfig: { LogConfig: { Type: 'local', Config: { 'max-size': '20k', 'max-file': '200' } } },
    });
    const talker = (await inspect(engine, 'talker')).State;
    expect(await eventually(async () => numbersOf(await logs(engine, 'talker')).length > 10_000)).toBe(true);
    await run(['sync', '-f', disk.path]);
    await disk.fail();
    const acknowledged: string[] = [];
    let refused = '';
    for (let place = 0; place < 2_000 && refused === ''; place++) {
      const body = { Image: 'busybox', Cmd: ['true'], Labels: { padding: 'x'.repeat(200_000) } };
      const { status, text } = await engine.api('POST', `/containers/create?name=made-${place}`, body);
      if (status === 201) acknowledged.push(`made-${place}`);
      else refused = `${status} ${text}`;
    }
    expect(refused).toStartWith('500');
    expect(refused).toMatch(/I\/O error|input\/output|read-?only|no space|disk is full/i);
    expect((await inspect(engine, 'steady')).State).toMatchObject({ Running: true, Pid: State.Pid });
    expect((await inspect(engine, 'talker')).State).toMatchObject({ Running: true, Pid: talker.Pid });
    expect(numbersOf(await logs(engine, 'talker')).length).toBeGreaterThan(10_000);
    expect(await ask<unknown[]>(engine, 'GET', '/containers/json')).toHaveLength(2);
    await ask(engine, 'GET', '/version');

    await engine.kill();
    for (const { Pid } of [State, talker]) {
      process.kill(Pid, 'SIGKILL');
      expect(await eventually(() => !existsSync(`/proc/${Pid}`))).toBe(true);
    }
    for (const path of (await mountsOf(engine.footprint)).toReversed()) await run(['umount', path]);
    await disk.mend();
    await engine.start();
    for (const name of acknowledged)
      expect([name, await exists(engine, `/containers/${name}/json`)]).toEqual([name, true]);
    expect((await inspect(engine, 'steady')).State).toMatchObject({ Status: 'exited', ExitCode: 137 });
    await start(engine, 'steady');
    const kept = numbersOf(await logs(engine, 'talker'));
    expect(kept.slice(0, 10_000)).toEqual(Array.from({ length: 10_000 }, (_, number) => number));
    expect(kept.findIndex((number, at) => at > 0 && !(number > (kept[at - 1] ?? 0)))).toBe(-1);
    // Of the refused one the row may have come to the disk although the disk said no.
    const all = await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1');
    expect(all.length).toBeLessThanOrEqual(acknowledged.length + 2);
    for (const { Id } of all) await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
    await engine.stop();
  },
  120_000,
);
