import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { definitionMissing, readDefinition } from './definition.ts';
import { builtInRoutes, drawRequest, type FuzzRequest, routesOf } from './fuzz.ts';
import { makeWorld, send, type World } from './play.ts';
import { createRandom } from './random.ts';

if (skipReason) console.log(`skipped: requests at random: ${skipReason}`);

/** `SILO_FUZZ_SEED` chooses a run (`random` another one each time), `SILO_FUZZ_COUNT` makes it longer. */
const chosen = process.env['SILO_FUZZ_SEED'] ?? '7';
const seed = chosen === 'random' ? Date.now() % 1_000_000 : Number(chosen);
const count = Number(process.env['SILO_FUZZ_COUNT'] ?? 500);

describe.skipIf(skipReason !== undefined)('requests at random', () => {
  let engine: TestEngine;
  let world: World;
  beforeAll(async () => {
    engine = await startEngine();
    world = await makeWorld(engine.socket);
  }, 60_000);
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  }, 60_000);

  test(
    `${count} of them, with seed ${seed}, find no 500, no hang, no death and leave nothing`,
    async () => {
      console.log(`SILO_FUZZ_SEED=${seed} SILO_FUZZ_COUNT=${count} repeats this run`);
      const random = createRandom(seed);
      const routes = definitionMissing ? builtInRoutes : routesOf(readDefinition());
      const daemon = engine.pid();
      const wrong: string[] = [];
      for (let i = 0; i < count; i++) {
        if (i % 100 === 0) await remake(world);
        const request = drawRequest(random, routes);
        const answer = await outcome(world, request);
        if (answer !== undefined) wrong.push(`${i}: ${describeRequest(request)}: ${answer}`);
      }
      expect(wrong).toEqual([]);
      expect(engine.log()).not.toContain('ended without an answer');
      // The one that nobody named has seen none of it.
      const { State } = JSON.parse((await world.ask('GET', '/containers/sleeper/json')).text) as {
        State: { Running: boolean };
      };
      expect(State.Running).toBe(true);
      const all = JSON.parse((await world.ask('GET', '/containers/json?all=1')).text) as { Id: string }[];
      for (const { Id } of all) await world.ask('DELETE', `/containers/${Id}?force=1&v=1`);
      await world.ask('POST', '/volumes/prune');
      expect(await findLeftovers(engine)).toEqual([]);
      expect(engine.pid()).toBe(daemon);
    },
    60_000 + count * 200,
  );
});

/** What earlier requests took away, so that later ones find something. */
async function remake(world: World): Promise<void> {
  for (const name of ['idle', 'done', 'extra0'])
    await world.ask('POST', `/containers/create?name=${name}`, { Image: 'busybox', Cmd: ['true'] });
  await world.ask('POST', '/networks/create', { Name: 'net' });
  await world.ask('POST', '/volumes/create', { Name: 'used' });
}

/** Undefined when it was answered as it should be: in time, and not with a failure of the engine's own. */
async function outcome(world: World, request: FuzzRequest): Promise<string | undefined> {
  const path = request.path.replace(/\{(\w+)\}/g, (whole, name: string) => world.variables[name] ?? whole);
  // A wait for a container that does not end is no hang.
  const patient = /\/(wait|attach)\b/.test(path);
  try {
    const { status, text } = await send(world.socket, { ...request, path, limitMs: patient ? 300 : 15_000 });
    if (status < 500 || status === 501 || status === 503) return undefined;
    return `${status} ${text.slice(0, 300)}`;
  } catch (error) {
    const isPatience = error instanceof Error && error.name === 'TimeoutError' && patient;
    return isPatience ? undefined : String(error);
  }
}

const describeRequest = ({ method, path, body, type }: FuzzRequest): string =>
  `${method} ${path.slice(0, 300)} ${type ?? ''} ${(body ?? '').slice(0, 700)}`;
