import { expect, test } from 'bun:test';
import { eventually } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { bootstrapBusybox, exists, inspect, logs } from '../e2e/objects.ts';
import { startHostileRegistry } from '../registry/hostile-registry.ts';
import { findLeftovers } from './whole.ts';
import { createRandom } from '../chaos/random.ts';
import { runnableImage, skipReason } from './world.ts';

const deaths = 20;
const workers = 3;
const seed = Number(process.env['SILO_CRASH_SEED'] ?? 20_261_121);

if (skipReason) console.log(`skipped: the engine under load: ${skipReason}`);

/** What a worker was promised about its container: undefined while a request without an answer leaves it open. */
interface Promised {
  exists: boolean | undefined;
  running: boolean | undefined;
}

test.skipIf(skipReason !== undefined)(
  `an engine that is killed ${deaths} times under load keeps every promise (seed ${seed})`,
  async () => {
    await using registry = await startHostileRegistry();
    registry.add('app', '1', runnableImage());
    await using engine = await startEngine();
    await bootstrapBusybox(engine);
    const random = createRandom(seed);
    let stopped = false;
    const promises = Array.from({ length: workers }, (): Promised => ({ exists: false, running: false }));
    const life = promises.map((promised, place) =>
      work(engine, { name: `worker${place}`, promised, random, isOver: () => stopped }),
    );
    const pulling = transfer(engine, `${registry.host}/app`, () => stopped);
    for (let death = 0; death < deaths; death++) {
      await pause(20 + random() * 300);
      await engine.kill();
      await engine.start();
    }
    stopped = true;
    await Promise.all([...life, pulling]);
    expect(await findLeftovers(engine)).toEqual([]);
    for (const [place, promised] of promises.entries())
      await keepsPromise(engine, `worker${place}`, promised);
    await transferOnce(engine, `${registry.host}/app`);
  },
  90_000,
);

async function keepsPromise(engine: TestEngine, name: string, promised: Promised): Promise<void> {
  const isThere = await exists(engine, `/containers/${name}/json`);
  if (promised.exists !== undefined) expect([name, isThere]).toEqual([name, promised.exists]);
  if (!isThere) return;
  const { State } = await inspect(engine, name);
  if (promised.running !== undefined) expect([name, State.Running]).toEqual([name, promised.running]);
  if (!State.Running) expect((await engine.api('POST', `/containers/${name}/start`)).status).toBe(204);
  // The program has its first moments still before it when it was started just now.
  expect(await eventually(async () => /^(begun\n)+$/.test(await logs(engine, name)))).toBe(true);
  expect((await engine.api('DELETE', `/containers/${name}?force=1&v=1`)).status).toBe(204);
}

/** One container's life over and over; an answer is a promise, its absence leaves both outcomes open. */
async function work(
  engine: TestEngine,
  worker: { name: string; promised: Promised; random: () => number; isOver: () => boolean },
): Promise<void> {
  const { name, promised, random, isOver } = worker;
  const path = `/containers/${name}`;
  const attempt = async (
    method: string,
    target: string,
    change: Partial<Promised>,
    body?: unknown,
  ): Promise<void> => {
    for (const key of Object.keys(change) as (keyof Promised)[]) promised[key] = undefined;
    const answer = await engine.api(method, target, body).catch(() => undefined);
    if (!answer) return await pause(20);
    if (answer.status < 300 || answer.status === 304) Object.assign(promised, change);
    // Unknown after a death; now the engine has said so.
    else if (answer.status === 404) Object.assign(promised, { exists: false, running: false });
    else if (answer.status === 409 && method === 'POST' && target.includes('create')) promised.exists = true;
    else if (answer.status !== 409) throw new Error(`${method} ${target}: ${answer.status} ${answer.text}`);
  };
  const body = {
    Image: 'busybox',
    Cmd: ['sh', '-c', 'echo begun; exec sleep 600'],
    Volumes: { '/scratch': {} },
  };
  while (!isOver()) {
    await attempt('POST', `/containers/create?name=${name}`, { exists: true, running: false }, body);
    if (promised.exists === true && promised.running === undefined) promised.running = undefined;
    await attempt('POST', `${path}/start`, { running: true });
    if (random() < 0.5) await attempt('POST', `${path}/stop?signal=KILL`, { running: false });
    if (random() < 0.7) await attempt('DELETE', `${path}?force=1&v=1`, { exists: false, running: false });
  }
}

async function transfer(engine: TestEngine, repository: string, isOver: () => boolean): Promise<void> {
  while (!isOver()) await transferOnce(engine, repository).catch(() => pause(20));
}

async function transferOnce(engine: TestEngine, repository: string): Promise<void> {
  const pulled = await engine.api('POST', `/images/create?fromImage=${encodeURIComponent(repository)}&tag=1`);
  expect(pulled.text).not.toContain('errorDetail');
  const removed = await engine.api('DELETE', `/images/${repository}:1`);
  expect(removed.status).toBe(200);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
