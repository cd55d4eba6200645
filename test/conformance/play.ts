import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../e2e/footprint.ts';
import { callDocker, type Target } from './call-docker.ts';
import { normalise } from './normalise.ts';
import { type Call, type Outcome, type Outcomes, type Scenario, toCall } from './scenario.ts';

/**
 * Plays a scenario on an engine and gives what each call answered. Words may hold `{dir}` (a folder of the scenario's own), `{port}` (a free
 * port), `{start}` and `{now}` (seconds), and the target's own variables.
 */
export async function play(target: Target, scenario: Scenario): Promise<Outcomes> {
  await using undo = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'silo-conf-'));
  undo.defer(() => rm(dir, { recursive: true, force: true }));
  undo.defer(() => clean(target, scenario));
  await mkdir(join(dir, 'shared'));
  const variables = { ...target.variables, dir, port: String(await freePort()) };
  const start = seconds();
  const outcomes: Outcomes = {};
  const running = new Map<string, Promise<void>>();
  const words = (line: string): string =>
    Object.entries({ ...variables, start, now: seconds() }).reduce(
      (text, [name, value]) => text.replaceAll(`{${name}}`, value),
      line,
    );
  const compared = async (key: string, call: Call): Promise<void> => {
    const { code, ...streams } = await callDocker(target, call, words(call.docker));
    const outcome: Outcome = { code };
    for (const name of ['stdout', 'stderr'] as const) {
      const text = normalise(streams[name], variables, call);
      if (text !== '') outcome[name] = text;
    }
    outcomes[key] = outcome;
  };
  const until = async (line: string, prints: string): Promise<void> => {
    const holds = async (): Promise<boolean> => {
      const { stdout } = await callDocker(target, { docker: line }, words(line));
      return prints === '' ? stdout === '' : stdout.includes(prints);
    };
    if (!(await eventually(holds, 30_000)))
      throw new Error(`${scenario.name}: "${line}" never printed "${prints}"`);
  };
  for (const [index, step] of scenario.steps.entries()) {
    const call = toCall(step);
    if (call) {
      const key = `${index + 1} ${call.docker}`;
      // The place of an answer is that of its question, wherever it ends.
      outcomes[key] = { code: -1 };
      const done = compared(key, call);
      if (!call.background) await done;
      else running.set(call.background, done);
    } else if (typeof step === 'object' && 'join' in step) await running.get(step.join);
    else if (typeof step === 'object' && 'until' in step) await until(step.until, step.prints);
  }
  return outcomes;
}

/** Takes containers, volumes and networks away, and images where they were touched. */
async function clean(target: Target, scenario: Scenario): Promise<void> {
  const containers = (await ask(target, 'GET', '/containers/json?all=1')) as { Id: string }[];
  await Promise.all(containers.map(({ Id }) => ask(target, 'DELETE', `/containers/${Id}?force=1&v=1`)));
  const { Volumes } = (await ask(target, 'GET', '/volumes')) as { Volumes: { Name: string }[] | null };
  await Promise.all((Volumes ?? []).map(({ Name }) => ask(target, 'DELETE', `/volumes/${Name}?force=1`)));
  await ask(target, 'POST', '/networks/prune');
  // Prune leaves those that only hold a configuration.
  const custom = encodeURIComponent('{"type":["custom"]}');
  const networks = (await ask(target, 'GET', `/networks?filters=${custom}`)) as { Id: string }[];
  for (const { Id } of networks) await ask(target, 'DELETE', `/networks/${Id}`);
  if (scenario.changesImages) await resetImages(target);
}

/** The archive's images, and no other. */
export async function resetImages(target: Target): Promise<void> {
  const images = (await ask(target, 'GET', '/images/json')) as { Id: string }[];
  for (const { Id } of images) await ask(target, 'DELETE', `/images/${Id}?force=1`);
  const words = `load -qi ${target.variables['images']}`;
  const { code, stderr } = await callDocker(target, { docker: words }, words);
  if (code !== 0) throw new Error(`the images were not loaded: ${stderr}`);
}

async function ask(target: Target, method: string, path: string): Promise<unknown> {
  const signal = AbortSignal.timeout(15_000);
  const response = await fetch(`http://localhost/v1.45${path}`, { method, unix: target.socket, signal });
  const text = await response.text();
  // A container of `--rm` may be on its way out.
  if (!response.ok && response.status !== 404 && response.status !== 409)
    throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

function seconds(): string {
  return (Date.now() / 1000).toFixed(3);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
