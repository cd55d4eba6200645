import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { startEngine } from '../e2e/harness.ts';
import type { Target } from './call-docker.ts';
import { isAt, judge } from './compare.ts';
import { type Facts, readFacts, writeFacts } from './facts.ts';
import { type ImageFiles, writeImageArchive } from './image-archive.ts';
import { cliVersion, needsCli } from './installed-cli.ts';
import { chapters, pullScenarios } from './invocations.ts';
import { knownDifferences, pending } from './known-differences.ts';
import { isLive, isRecording } from './mode.ts';
import { play, resetImages } from './play.ts';
import { startRealDocker } from './real-docker.ts';
import { callsOf, type Scenario } from './scenario.ts';

const reason = skipReason ?? needsCli(isRecording);
if (reason) console.log(`skipped: comparison with the Docker CLI: ${reason}`);

test('the table has at least 150 calls, each scenario its own name, each known difference a place', () => {
  const all = [...Object.values(chapters).flat(), ...pullScenarios];
  const places = all.flatMap((scenario) => callsOf(scenario).map(({ key }) => ({ scenario, key })));
  expect(places.length).toBeGreaterThanOrEqual(150);
  expect(new Set(all.map((scenario) => scenario.name)).size).toBe(all.length);
  const nowhere = knownDifferences.filter(
    (entry) => !places.some(({ scenario, key }) => isAt(entry, scenario.name, key)),
  );
  expect(nowhere).toEqual([]);
  const unknown = pending.filter((entry) => !all.some((scenario) => scenario.name === entry.scenario));
  expect(unknown).toEqual([]);
});

describe.skipIf(reason !== undefined)('the Docker CLI', () => {
  const undo = new AsyncDisposableStack();
  let silo: Target;
  let real: Target | undefined;
  let version = '';
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'silo-conformance-'));
    undo.defer(() => rm(folder, { recursive: true, force: true }));
    const files: ImageFiles = await writeImageArchive(folder);
    const target = (socket: string): Target => ({
      socket,
      config: join(folder, 'no-config'),
      variables: { ...files },
    });
    const engine = undo.use(await startEngine());
    silo = target(engine.socket);
    if (isLive) {
      const docker = undo.use(await startRealDocker());
      real = target(docker.socket);
      version = docker.version;
    }
    for (const each of [silo, real]) if (each) await resetImages(each);
  });
  afterAll(() => undo.disposeAsync());

  describe.each(Object.keys(chapters))('%s', (chapter) => {
    const facts: Facts = readFacts(chapter) ?? { docker: '', cli: '', scenarios: {} };
    const recorded: Facts['scenarios'] = {};
    afterAll(() => {
      if (isRecording)
        writeFacts(chapter, {
          docker: version,
          cli: cliVersion(),
          scenarios: { ...facts.scenarios, ...recorded },
        });
    });

    test.each((chapters[chapter] ?? []).map((scenario): [string, Scenario] => [scenario.name, scenario]))(
      '%s',
      async (name, scenario) => {
        const expected = real ? await play(real, scenario) : (facts.scenarios[name] ?? {});
        recorded[name] = expected;
        const actual = await play(silo, scenario);
        expect(judge(scenario, expected, actual, knownDifferences, pending)).toEqual([]);
      },
    );
  });
});
