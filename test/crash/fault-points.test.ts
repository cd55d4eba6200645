import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { eventually } from '../e2e/footprint.ts';
import { startEngine } from '../e2e/harness.ts';
import { bootstrapBusybox, inspect, runOnce } from '../e2e/objects.ts';
import { knownFaultPoints } from './fault-points.ts';
import { type ScenarioName, scenarios, tidy } from './scenarios.ts';
import type { Scenario } from './subject.ts';
import { findLeftovers, storeContents } from './whole.ts';
import { bystander, openWorld, skipReason, type World } from './world.ts';

/** Which operations pass the points whose names begin so; the longest beginning counts. Each point is died at in each of them. */
const plan: Record<string, ScenarioName[]> = {
  'container.commit.': ['commit'],
  'container.connect.': ['connect'],
  'container.copy.': ['copyIn', 'copyOut'],
  'container.create.': ['create'],
  'container.create.seeded': ['seed'],
  'container.disconnect.': ['disconnect'],
  'container.exit.': ['stop', 'autoRemove', 'endedMeanwhile'],
  'container.health.': ['health'],
  'container.pause.frozen': ['pause'],
  'container.pause.thawed': ['unpause'],
  'container.remove.': ['remove', 'forcedRemove', 'prune'],
  'container.rename.': ['rename'],
  'container.restart.canceled': ['stopInBackOff'],
  'container.restart.due': ['backOff'],
  'container.start.': ['start'],
  'container.update.': ['update', 'publish'],
  'content.': ['pull', 'load'],
  'distribution.': ['pull'],
  'distribution.upload.': [],
  'image.compose.': ['commit'],
  'image.import.': ['import'],
  'image.layer.': ['pull', 'load'],
  'image.load.': ['load'],
  'image.publish.': ['pull', 'load', 'commit'],
  'image.pull.': ['pull'],
  'image.pull.index-stored': [],
  'image.remove.': ['removeImage'],
  'image.remove.platform-moved': [],
  'image.sweep.': ['removeImage', 'pruneImages'],
  'network.attach.': ['start'],
  'network.create.': ['createNetwork'],
  'network.detach.': ['disconnect'],
  'network.firewall.': ['start', 'kill'],
  'network.gateway.': ['disconnect'],
  'network.publish.': ['publish'],
  'network.recover.': ['endedMeanwhile'],
  'network.release.': ['stop'],
  'network.remove.': ['removeNetwork'],
  'network.reserve.': ['start'],
  'registry.': [],
  'runtime.create.': ['start'],
  'runtime.delete.': ['kill', 'endedMeanwhile'],
  'runtime.exec.': ['exec'],
  'runtime.start.': ['start'],
  'snapshot.container.': ['create'],
  'snapshot.layer.': ['pull', 'import', 'commit'],
  'snapshot.layer.taken': [],
  'snapshot.trash.': ['remove'],
  'snapshot.trash.deleting': ['pruneImages'],
  'volume.create.': ['create', 'createVolume'],
  'volume.fill.': ['cloneVolume'],
  'volume.remove.': ['removeVolume'],
  'volume.seed.': ['seed'],
  'volume.seed.staged': [],
};

/** Points that have a test of their own below, or that are not died at, with the reason. */
const apart: Record<string, string> = {
  'build.cache.forgotten': 'test/build/run-mounts.test.ts',
  'build.cache.named': 'test/build/run-mounts.test.ts',
  'build.cache.staged': 'test/build/run-mounts.test.ts',
  'build.mounts.private': 'test/build/run-mounts.test.ts',
  'build.step.begun': 'test/build/solving.test.ts',
  'build.step.done': 'test/build/solving.test.ts',
  'build.step.kept': 'test/build/solving.test.ts',
  'snapshot.layer.taken': 'test/build/solving.test.ts',
  'distribution.upload.sent': 'test/images/crash.root.test.ts',
  'image.push.blobs-sent': 'test/images/crash.root.test.ts',
  'image.push.manifest-sent': 'test/images/crash.root.test.ts',
  'image.push.children-sent': 'test/images/crash.root.test.ts',
  'image.push.referrer-sent': 'test/images/crash.root.test.ts',
  'image.remove.platform-moved': 'test/images/crash.root.test.ts',
  'image.pull.index-stored': 'test/images/crash.root.test.ts',
  'image.unpack.layers-there': 'test/images/crash.root.test.ts',
  'image.unpack.recorded': 'test/images/crash.root.test.ts',
  'logs.compress.published': 'test/logs/rotation.test.ts',
  'logs.compress.written': 'test/logs/rotation.test.ts',
  'logs.forward.sent': 'test/logs/syslog.test.ts',
  'logs.rotate.renamed': 'test/logs/rotation.test.ts',
  'registry.blob.after-name': 'test/registry-server/death.test.ts',
  'registry.blob.before-name': 'test/registry-server/death.test.ts',
  'registry.cache.blob-stored': 'test/registry-server/cache-death.test.ts',
  'registry.cache.manifest-stored': 'test/registry-server/cache-death.test.ts',
  'registry.cache.parts-expected': 'test/registry-server/cache-death.test.ts',
  'registry.cache.unlisted': 'test/registry-server/cache-death.test.ts',
  'registry.index.after-rename': 'test/registry-server/death.test.ts',
  'registry.index.before-journal-gone': 'test/registry-server/death.test.ts',
  'registry.index.before-rename': 'test/registry-server/death.test.ts',
  'registry.index.journaled': 'test/registry-server/journal-death.test.ts',
  'registry.manifest.stored': 'test/registry-server/death.test.ts',
  'registry.upload.write': 'test/registry-server/death.test.ts',
  'volume.mounted': 'test/volumes/local-driver.test.ts',
  'volume.seed.staged': 'test/volumes/copy-up.test.ts',
  'snapshot.init.filled': 'only the first start on a data root passes it',
};

const points = knownFaultPoints();
const cases = points.flatMap((point) => scenariosOf(point).map((name) => ({ point, name })));

function scenariosOf(point: string): ScenarioName[] {
  const beginnings = Object.keys(plan).filter((beginning) => point.startsWith(beginning));
  return plan[beginnings.toSorted((a, b) => b.length - a.length)[0] ?? ''] ?? [];
}

test('every fault point is planned for', () => {
  expect(points.filter((point) => scenariosOf(point).length === 0 && !apart[point])).toEqual([]);
  expect(new Set(points).size).toBe(points.length);
});

if (skipReason) console.log(`skipped: the crash suite: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('the engine dies', () => {
  let world: World | undefined;
  let store: string[] = [];

  const freshWorld = async (): Promise<World> => {
    const opened = await openWorld();
    store = storeContents(opened.engine);
    return opened;
  };
  beforeAll(async () => void (world = await freshWorld()));
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  for (const { point, name } of cases)
    test(`at ${point} during ${name}, and nothing is lost or left over`, async () => {
      const current = (world ??= await freshWorld());
      try {
        await dieAt(current, point, scenarios[name]);
        expect(storeContents(current.engine)).toEqual(store);
      } catch (error) {
        // The next case must not suffer from this one.
        world = undefined;
        const log = current.engine.log().split('\n').slice(-12).join('\n');
        await current[Symbol.asyncDispose]();
        throw new Error(`${String(error)}\nlast words of the daemon:\n${log}`, { cause: error });
      }
    });
});

async function dieAt(world: World, point: string, scenario: Scenario): Promise<void> {
  const { engine } = world;
  const { State } = await inspect(engine, bystander);
  await scenario.prepare?.(world);
  await engine.kill();
  await scenario.whileDead?.(world);
  const deaths = await die(world, point, scenario);
  const before = await world.page();
  await engine.start();
  expect(await findLeftovers(engine)).toEqual([]);
  expect((await inspect(engine, bystander)).State.Pid).toBe(State.Pid);
  expect([before, await world.page()]).toEqual(['page\n', 'page\n']);
  await world.count();
  await scenario.verify(world);
  await tidy(world);
  expect(await findLeftovers(engine)).toEqual([]);
  expect(deaths).toBeGreaterThan(0);
}

/** Points that the start of the engine passes too are died at there first, passage by passage. Returns how often the engine died. */
async function die({ engine, ...world }: World, point: string, scenario: Scenario): Promise<number> {
  for (let passage = 1; ; passage++) {
    const ready = await engine.start({ fault: `${point}:${passage}` });
    if (!ready) {
      expect(await engine.died()).toBe('SIGKILL');
      expect(passage).toBeLessThan(10);
      if (scenario.act) continue;
      return passage;
    }
    if (!scenario.act) throw new Error(`the start of the engine does not pass ${point}`);
    const outcome = scenario.act({ engine, ...world }).then(
      () => 'it succeeded',
      (error: unknown) => `it failed: ${String(error)}`,
    );
    const end = await Promise.race([engine.died(), outcome.then((said) => afterGrace(engine, said))]);
    if (end === 'SIGKILL') return passage;
    if (passage > 1) {
      await engine.kill();
      return passage - 1;
    }
    throw new Error(`the operation does not pass ${point}: ${end}`);
  }
}

/** Some points come after the answer. */
async function afterGrace(engine: World['engine'], said: string): Promise<string> {
  let end: string | undefined;
  void engine.died().then((signal) => (end = signal));
  await eventually(() => end !== undefined, 2_000);
  return end ?? said;
}

test.skipIf(skipReason !== undefined)(
  'at snapshot.init.filled during its very first start, and the next start makes the layer',
  async () => {
    await using engine = await startEngine({ stopped: true });
    expect(await engine.start({ fault: 'snapshot.init.filled' })).toBe(false);
    expect(await engine.died()).toBe('SIGKILL');
    await engine.start();
    await bootstrapBusybox(engine);
    expect(await runOnce(engine, 'check', { Cmd: ['echo', 'hello'] })).toEqual({
      code: 0,
      output: 'hello\n',
    });
    expect(await findLeftovers(engine)).toEqual([]);
  },
);
