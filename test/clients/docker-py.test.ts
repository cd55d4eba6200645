import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { startEngine } from '../e2e/harness.ts';
import { bootstrapBusybox } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';

const isMissing = Bun.spawnSync(['python3', '-c', 'import docker']).exitCode !== 0;
const reason = skipReason ?? (isMissing ? 'python3-docker is not installed' : undefined);
if (reason) console.log(`skipped: docker-py: ${reason}`);

describe.skipIf(reason !== undefined)('docker-py', () => {
  test('a life in many steps of a life', async () => {
    await using engine = await startEngine();
    await bootstrapBusybox(engine);
    const result = await run(['python3', join(import.meta.dir, 'docker_py.py'), engine.host], {});
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout.trim().split('\n')).toHaveLength(34);
  });
});
