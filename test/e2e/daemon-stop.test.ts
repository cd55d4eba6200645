import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { siloCommand, startEngine } from './harness.ts';
import { bootstrapBusybox } from './objects.ts';
import { run } from './run.ts';

if (skipReason) console.log(`skipped: stopping a daemon: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('a daemon', () => {
  test('is stopped by a word, containers go on, and the next one has them', async () => {
    await using engine = await startEngine();
    await bootstrapBusybox(engine);
    const { stdout: id } = await engine.silo('run', '-d', '--name', 'web', 'busybox', 'sleep', '600');
    const pid = (await engine.silo('inspect', '-f', '{{.State.Pid}}', 'web')).stdout.trim();
    const stopped = await engine.silo('daemon', 'stop');
    expect(stopped).toEqual({
      code: 0,
      stdout: `Stopped the Silo daemon at ${engine.host} (process ${engine.pid()}); containers go on.\n`,
      stderr: '',
    });
    expect(await engine.died()).toBe('exit code 0');
    const again = await engine.silo('daemon', 'stop');
    expect(again.code).toBe(1);
    expect(again.stderr).toStartWith(`no engine listens at ${engine.host}\nHint: `);
    await engine.start();
    const { stdout } = await engine.silo('inspect', '-f', '{{.Id}} {{.State.Pid}}', 'web');
    expect(stdout.trim()).toBe(`${id.trim()} ${pid}`);
    await engine.silo('rm', '-f', 'web');
  });

  test('says what is wrong with its configuration before anything is started', async () => {
    await using engine = await startEngine({ stopped: true });
    const path = join(engine.directory, 'daemon.json');
    const validate = async (text: string) => {
      writeFileSync(path, text);
      return await run(siloCommand('daemon', '--validate', '--config-file', path));
    };
    expect(await validate('{"log-level":"debug"}')).toEqual({
      code: 0,
      stdout: 'configuration OK\n',
      stderr: '',
    });
    expect(await validate('{"live-restore":true}')).toEqual({
      code: 1,
      stdout: '',
      stderr: `the configuration file ${path} has an unknown key "live-restore"\nHint: leave it out: containers always outlive the engine\n`,
    });
    expect((await validate('{"log-level":"loud"}')).code).toBe(1);
    expect((await validate('{ broken')).stderr).toStartWith(`cannot read the configuration file ${path}: `);
  });
});
