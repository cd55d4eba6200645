import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { differencesOf, isPending } from './alike.ts';
import { chapters } from './chapters.ts';
import { readFacts } from './facts.ts';
import { reasonFor } from './known.ts';
import { makeWorld, play, type World } from './play.ts';

if (skipReason) console.log(`skipped: answers as a real Docker gives them: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('as a real Docker answers', () => {
  let engine: TestEngine;
  let world: World;
  beforeAll(async () => {
    engine = await startEngine();
    world = await makeWorld(engine.socket);
  }, 60_000);
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  }, 60_000);

  for (const chapter of ['bad-requests', 'settings', 'shapes', 'listings'])
    test(`${chapter}: every request of the list`, async () => {
      const facts = readFacts(chapter)?.answers ?? {};
      const pending: string[] = [];
      const wrong: string[] = [];
      for (const one of chapters[chapter] ?? []) {
        const real = facts[one.what];
        if (!real) throw new Error(`no recorded answer for ${one.what}: bun test/api/record.ts ${chapter}`);
        const told = await play(world, one);
        if (isPending(told)) pending.push(one.what);
        else
          wrong.push(
            ...differencesOf(real, told)
              .filter((difference) => reasonFor(one.what, difference) === undefined)
              .map((difference) => `${one.what}: ${difference}`),
          );
        if (told.status === 500) wrong.push(`${one.what}: ${told.status}`);
      }
      if (pending.length > 0)
        console.log(`not done yet, and said so: ${pending.length} requests of ${chapter}`);
      expect(wrong).toEqual([]);
      expect(engine.log()).not.toContain('ended without an answer');
    }, 120_000);

  test('nothing stays on the machine that the engine does not show', async () => {
    const all = JSON.parse((await world.ask('GET', '/containers/json?all=1')).text) as { Id: string }[];
    for (const { Id } of all) await world.ask('DELETE', `/containers/${Id}?force=1&v=1`);
    expect(await findLeftovers(engine)).toEqual([]);
  });
});
