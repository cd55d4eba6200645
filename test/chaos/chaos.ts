import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { findLeftovers } from '../crash/whole.ts';
import { bystander, openWorld, skipReason, type World } from '../crash/world.ts';
import { inspect, logs } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';
import { createTurnedClock, type TurnedClock } from '../e2e/turned-clock.ts';
import { missingPeers, startPeerRegistry } from '../registry/peer-registry.ts';
import { beClient } from './client.ts';
import { disasters, type Stage } from './disasters.ts';
import { brokenPromises, brokenThings, type Promised, type Things } from './promises.ts';
import { choose, createRandom } from './random.ts';

/*
 * `make chaos`: several clients use every verb while engine, monitors, containers and resolver are killed and the disk is full for moments. After each round
 * all must be whole: nothing acknowledged is lost, nothing leaked, the bystander lives. CHAOS_SECONDS (600), CHAOS_SEED (printed), CHAOS_CLIENTS (4).
 * The seed gives the same decisions; the machine decides what happens at the same time.
 */

const seconds = Number(process.env['CHAOS_SECONDS'] ?? 600);
const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
const clients = Number(process.env['CHAOS_CLIENTS'] ?? 4);
const roundMs = 12_000;
/** A disaster goes on to be felt for so long. */
const aftermathMs = 2_000;

async function main(): Promise<number> {
  if (skipReason) {
    console.log(`chaos cannot run here: ${skipReason}`);
    return 1;
  }
  console.log(`chaos: ${seconds} seconds, ${clients} clients, seed ${seed}`);
  await using resources = new AsyncDisposableStack();
  const disk = mkdtempSync(join(tmpdir(), 'silo-chaos-'));
  resources.defer(() => rmSync(disk, { recursive: true }));
  const mounted = await run(['mount', '-t', 'tmpfs', '-o', 'size=256m', 'silo-chaos', disk]);
  if (mounted.code !== 0) throw new Error(mounted.stderr);
  resources.defer(() => run(['umount', '-l', disk]).then(() => undefined));
  const clock = resources.use(createTurnedClock());
  const world = resources.use(
    await openWorld({ dataRoot: join(disk, 'data'), env: { UV_THREADPOOL_SIZE: '16', ...clock.env } }),
  );
  const missing = missingPeers();
  if (missing.length > 0) console.log(`nothing is pushed: there is no ${missing.join(', no ')}`);
  const pushTo = missing.length > 0 ? undefined : resources.use(await startPeerRegistry()).host;
  const deadline = performance.now() + seconds * 1000;
  for (let round = 0; performance.now() < deadline && !interrupted.signal.aborted; round++) {
    const wrong = await playRound(world, { disk, clock, pushTo, seed: seed + round, round });
    if (wrong.length === 0 || interrupted.signal.aborted) continue;
    console.log(`\nround ${round} (CHAOS_SEED=${seed + round} begins with it) went wrong:`);
    for (const line of wrong.slice(0, 40)) console.log(`  ${line}`);
    console.log(`last words of the daemon:\n${world.engine.log().split('\n').slice(-40).join('\n')}`);
    return 1;
  }
  console.log(interrupted.signal.aborted ? '\ninterrupted' : '\nall rounds ended whole');
  return interrupted.signal.aborted ? 130 : 0;
}

/** While there is no room, lines cannot be kept; a program is not stopped for that. */
let diskWasFull = false;
const interrupted = new AbortController();

/** What is wrong afterwards, one line each. */
async function playRound(
  world: World,
  {
    disk,
    clock,
    pushTo,
    seed: roundSeed,
    round,
  }: { disk: string; clock: TurnedClock; pushTo: string | undefined; seed: number; round: number },
): Promise<string[]> {
  const { engine } = world;
  const random = createRandom(roundSeed);
  const containers = new Map<string, Promised>();
  const volumes: Things = new Map();
  const networks: Things = new Map();
  const answers = new Map<string, number>();
  const complaints: string[] = [];
  let troubles = 0;
  let quietFrom = 0;
  const { State: before } = await inspect(engine, bystander);
  const over = new AbortController();
  const working = Array.from({ length: clients }, (_, place) =>
    beClient({
      engine,
      images: { registry: world.registry.host, archive: world.archive },
      pushTo,
      name: `chaos${round}c${place}`,
      random: createRandom(roundSeed * 31 + place),
      signal: over.signal,
      containers,
      volumes,
      networks,
      count: (verb, outcome) => {
        const key = `${verb} ${outcome}`;
        answers.set(key, (answers.get(key) ?? 0) + 1);
      },
      troubles: () => (performance.now() < quietFrom ? ++troubles : troubles),
      complain: (text) => void complaints.push(text),
    }),
  );
  const stage: Stage = {
    engine,
    disk,
    clock,
    random,
    spared: [world.bystanderId],
    onTouched(id) {
      const promised = containers.get(id);
      if (!promised) return;
      promised.running = undefined;
      promised.touches++;
    },
  };
  const happened: string[] = [];
  const until = performance.now() + roundMs;
  while (performance.now() < until && !interrupted.signal.aborted) {
    await pause(200 + random() * 1_500);
    const name = choose(random, Object.keys(disasters));
    quietFrom = Number.POSITIVE_INFINITY;
    troubles++;
    happened.push(name);
    await disasters[name]?.(stage);
    quietFrom = performance.now() + aftermathMs;
  }
  over.abort();
  await Promise.all(working);
  diskWasFull ||= happened.includes('diskFull');
  const total = [...answers.values()].reduce((sum, count) => sum + count, 0);
  console.log(`round ${round}: ${total} answers, ${happened.length} disasters (${tally(happened)})`);
  if (process.env['CHAOS_VERBOSE']) console.log(Object.fromEntries(answers));
  const kept = [...containers.values()].flatMap(({ exists, running, name, pidsLimit, file }) =>
    exists === false
      ? [exists]
      : [exists, running, name, pidsLimit, file].filter((value) => value !== undefined),
  ).length;
  console.log(
    `  ${kept} promises on ${containers.size} containers, ${volumes.size + networks.size} on other things`,
  );
  const broken: string[] = [];
  for (const promised of containers.values()) broken.push(...(await brokenPromises(engine, promised)));
  const things = [
    ...(await brokenThings(engine, 'volumes', volumes)),
    ...(await brokenThings(engine, 'networks', networks)),
  ];
  const leftovers = await findLeftovers(engine);
  const { State: after } = await inspect(engine, bystander);
  const alive = after.Pid === before.Pid ? [] : ['the bystander died'];
  const page = await world.page().catch(String);
  // The next round begins with an empty engine; what is shared stays.
  for (const { id } of containers.values()) await engine.api('DELETE', `/containers/${id}?force=1&v=1`);
  for (const name of volumes.keys()) await engine.api('DELETE', `/volumes/${name}`);
  for (const name of networks.keys()) await engine.api('DELETE', `/networks/${name}`);
  return [
    ...complaints.map((text) => `complaint: ${text}`),
    ...broken,
    ...things,
    ...leftovers,
    ...alive,
    ...missingLines(await logs(engine, bystander), { mayLose: diskWasFull }),
    ...(page === 'page\n' ? [] : [`the bystander's page: ${page}`]),
    ...(await findLeftovers(engine)).map((text) => `afterwards: ${text}`),
  ];
}

/** The bystander's lines are in order, none is twice, and none is missing. */
function missingLines(text: string, { mayLose }: { mayLose: boolean }): string[] {
  const numbers = text
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => /^line (\d+)$/.exec(line)?.[1] ?? [])
    .map(Number);
  const wrong = numbers.find((number, place) => {
    const step = number - (numbers[place - 1] ?? (mayLose ? -1 : number - 1));
    return mayLose ? step < 1 : step !== 1;
  });
  return wrong === undefined ? [] : [`the bystander's log is not whole at line ${wrong}`];
}

function tally(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${word} ${count}`).join(', ');
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
process.exitCode = await main();
