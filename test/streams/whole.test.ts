import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { skipReason } from '../crash/world.ts';
import { programs, startEngine, type TestEngine } from '../e2e/harness.ts';
import { bootstrapBusybox, create, launch, remove } from '../e2e/objects.ts';
import { bytesOf, digestOf, pipeThrough } from './bytes.ts';

if (skipReason) console.log(`skipped: streams byte by byte: ${skipReason}`);

const many = 100_000_000;
const some = 20_000_000;

describe.skipIf(skipReason !== undefined).each(programs)('streams arrive whole with %s', (program) => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    await launch(engine, 'host', { Cmd: ['sleep', '1000'] });
  }, 60_000);
  afterAll(() => engine[Symbol.asyncDispose]());
  const through = (length: number, ...args: string[]): ReturnType<typeof pipeThrough> =>
    pipeThrough(engine.client(program, ...args), bytesOf(length));

  test('100 MB through exec, both ways', async () => {
    expect(await through(many, 'exec', '-i', 'host', 'cat')).toEqual({
      code: 0,
      stdout: digestOf(bytesOf(many)),
      stderr: '',
    });
  }, 120_000);

  test('through run -i', async () => {
    expect(await through(some, 'run', '--rm', '--log-driver', 'none', '-i', 'busybox', 'cat')).toEqual({
      code: 0,
      stdout: digestOf(bytesOf(some)),
      stderr: '',
    });
  }, 120_000);

  test('through attach', async () => {
    await create(engine, 'attached', {
      Cmd: ['cat'],
      OpenStdin: true,
      StdinOnce: true,
      HostConfig: { LogConfig: { Type: 'none' } },
    });
    // Several times: the end of the input may come at any moment of a pause in reading it.
    for (let round = 0; round < 4; round++)
      expect(await through(some, 'start', '-ai', 'attached')).toEqual({
        code: 0,
        stdout: digestOf(bytesOf(some)),
        stderr: '',
      });
    await remove(engine, 'attached');
  }, 120_000);

  test('a program goes on writing after its input has ended', async () => {
    const script = 'wc -c; dd if=/dev/zero bs=1000 count=3000 2>/dev/null; printf end';
    const expected = [Buffer.from('1000000\n'), Buffer.alloc(3_000_000), Buffer.from('end')];
    for (const words of [
      ['exec', '-i', 'host'],
      ['run', '--rm', '-i', 'busybox'],
    ])
      expect(await through(1_000_000, ...words, 'sh', '-c', script)).toEqual({
        code: 0,
        stdout: digestOf(expected),
        stderr: '',
      });
  }, 60_000);

  test('a program that closes its output goes on reading', async () => {
    const script = 'printf begun; exec >&-; [ "$(wc -c)" = 3000000 ] && exit 5';
    for (const words of [
      ['exec', '-i', 'host'],
      ['run', '--rm', '-i', 'busybox'],
    ])
      expect(await through(3_000_000, ...words, 'sh', '-c', script)).toMatchObject({
        code: 5,
        stdout: { bytes: 5 },
      });
  }, 60_000);

  test('a program that does not read its input ends, and its client too', async () => {
    for (const words of [
      ['exec', '-i', 'host'],
      ['run', '--rm', '-i', 'busybox'],
    ])
      expect(await through(3_000_000, ...words, 'sh', '-c', 'printf done; exit 6')).toMatchObject({
        code: 6,
        stdout: digestOf([Buffer.from('done')]),
      });
  }, 60_000);
});
