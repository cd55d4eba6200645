import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';
import { cases } from './differential/corpus.ts';
import { knownDifferences } from './differential/known-differences.ts';
import { type Builder, listBase, observeCase } from './differential/observe-case.ts';
import type { Outcome } from './differential/observe.ts';
import recorded from './recorded/differential.json';

if (skipReason) console.log(`skipped: builds compared with BuildKit's: ${skipReason}`);

setDefaultTimeout(120_000);

describe.skipIf(skipReason !== undefined)('the same Dockerfile, built by BuildKit and by Silo, gives', () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-differential-'));
  let engine: TestEngine;
  let builder: Builder;
  let base: Map<string, string>;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    builder = {
      build(words) {
        const { command, env } = engine.client('silo', 'build', ...words);
        return run(command, { env });
      },
      inspect: async (image) =>
        (await ask<{ Config: object }>(engine, 'GET', `/images/${image}/json`)).Config,
      pathOf: (path) => path,
    };
    base = await listBase(builder, folder);
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(cases.map((each) => [each.name, each] as const))(
    'the same files, configuration and cache hits: %s',
    async (name, each) => {
      const theirs = (recorded as Record<string, Outcome>)[name];
      if (!theirs) throw new Error(`${name} is not recorded: see differential/record.ts`);
      const ours = knownDifferences[name]?.silo;
      const expected = ours === undefined ? theirs : 'failed' in theirs ? ours : { ...theirs, ...ours };
      expect(await observeCase(builder, each, { folder, base })).toEqual(expected as Outcome);
    },
  );

  test('every known difference is of a case that there is', () => {
    const names = cases.map(({ name }) => name);
    expect(Object.keys(knownDifferences).filter((name) => !names.includes(name))).toEqual([]);
  });
});
