import { expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { startEngine } from '../e2e/harness.ts';
import { imageOf, layerOf } from '../images/samples.ts';
import { startHostileRegistry } from './hostile-registry.ts';
import { stalled } from './misbehaviours.ts';

if (skipReason) console.log(`skipped: pulls over the death of the engine: ${skipReason}`);

test.skipIf(skipReason !== undefined)(
  'a layer goes on at the byte where a kill -9 of the engine stopped it',
  async () => {
    await using registry = await startHostileRegistry();
    await using engine = await startEngine();
    const image = imageOf([layerOf({ noise: randomBytes(12_000_000) })]);
    const layer = image.blobs[1];
    if (!layer) throw new Error('no layer');
    registry.add('team/app', 'v1', image);
    registry.misbehave({ path: layer.digest, act: stalled(8_000_000) });
    const path = `/images/create?fromImage=${encodeURIComponent(`${registry.host}/team/app:v1`)}`;
    const broken = engine.api('POST', path).catch(() => undefined);
    const ingest = join(engine.dataRoot, 'content/ingest');
    const stored = (): number =>
      Math.max(
        0,
        ...readdirSync(ingest).map(
          (name) => statSync(join(ingest, name, 'data'), { throwIfNoEntry: false })?.size ?? 0,
        ),
      );
    expect(await eventually(() => stored() > 7_000_000)).toBe(true);
    await engine.kill();
    await broken;
    const kept = stored();
    registry.behave();
    registry.requests.length = 0;
    await engine.start();
    expect((await engine.api('POST', path)).text).toContain('Download complete');
    const asked = registry.requests.filter((request) => request.path.includes(layer.digest));
    expect(asked.map(({ headers }) => headers.range)).toEqual([`bytes=${kept}-`]);
  },
  120_000,
);
