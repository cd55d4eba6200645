import { setTimeout as pause } from 'node:timers/promises';
import { archive as tar, member } from '../../src/foundation/archive/tar-fixtures.ts';
import type { Answer, TestEngine } from '../e2e/harness.ts';
import { get, put } from '../files/ask.ts';
import type { Promised, Things } from './promises.ts';
import { choose, type Random } from './random.ts';

export interface ClientDeps {
  engine: TestEngine;
  /** A registry with `app:1`, and an archive of an image. */
  images: { registry: string; archive: Buffer<ArrayBuffer> };
  /** Where to push; absent without Debian's registry. */
  pushTo: string | undefined;
  name: string;
  random: Random;
  signal: AbortSignal;
  /** Of all clients, by name: some ask for what is another's. */
  containers: Map<string, Promised>;
  volumes: Things;
  networks: Things;
  /** How often each answer came. */
  count(verb: string, outcome: string): void;
  /** The same number twice when there was no disaster between the two calls, nor shortly before: then the engine has no excuse. */
  troubles(): number;
  complain(text: string): void;
}

/** Answers of an engine that is well. */
const wellStatuses = [200, 201, 204, 304, 400, 403, 404, 409];

/** Goes on with one container's life after another until the signal. */
export async function beClient(deps: ClientDeps): Promise<void> {
  for (let turn = 0; !deps.signal.aborted; turn++) await live(deps, `${deps.name}-${turn}`);
}

async function live(deps: ClientDeps, name: string): Promise<void> {
  const { random, signal } = deps;
  const promised = await create(deps, name);
  if (!promised) return;
  const turns = 2 + Math.floor(random() * 14);
  for (let turn = 0; turn < turns && !signal.aborted; turn++) {
    const verb = choose(random, Object.keys(verbs));
    await verbs[verb]?.(deps, promised);
  }
  // Some stay for the next round.
  if (!signal.aborted || random() < 0.5) await verbs['remove']?.(deps, promised);
}

async function create(deps: ClientDeps, name: string): Promise<Promised | undefined> {
  const { random, containers } = deps;
  const restarts = random() < 0.2;
  const volume = choose(random, shared.volumes);
  const body = {
    Image: 'busybox',
    Cmd: ['sh', '-c', choose(random, programs)],
    ...(random() < 0.3 ? { Volumes: { '/scratch': {} } } : {}),
    ...(random() < 0.2 ? { Healthcheck: { Test: ['CMD', 'true'], Interval: 300_000_000 } } : {}),
    HostConfig: {
      ...(restarts ? { RestartPolicy: { Name: choose(random, ['always', 'unless-stopped']) } } : {}),
      ...(random() < 0.3 ? { Binds: [`${volume}:/data`] } : {}),
      ...(random() < 0.3 ? { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } } : {}),
      NetworkMode: choose(random, ['none', 'bridge', 'bridge', ...shared.networks]),
    },
  };
  const answer = await ask(deps, 'create', 'POST', `/containers/create?name=${name}`, body);
  if (answer?.status !== 201) return undefined;
  const { Id } = JSON.parse(answer.text) as { Id: string };
  const promised: Promised = {
    id: Id,
    exists: true,
    running: false,
    name,
    pidsLimit: undefined,
    file: undefined,
    restarts,
    touches: 0,
  };
  containers.set(Id, promised);
  return promised;
}

interface Shared {
  readonly volumes: readonly string[];
  readonly networks: readonly string[];
}

/** Nothing is promised of these. */
export const shared: Shared = {
  volumes: ['chaos-a', 'chaos-b', 'chaos-c'],
  networks: ['chaos-net-a', 'chaos-net-b'],
};

const programs = ['sleep 600', 'trap "exit 3" TERM; while :; do echo line; sleep 0.1; done'];

type Verb = (deps: ClientDeps, promised: Promised) => Promise<void>;

const verbs: Record<string, Verb> = {
  start: (deps, promised) => change(deps, promised, 'start', { running: true }),
  startAgain: (deps, promised) => change(deps, promised, 'start', { running: true }),
  stop: (deps, promised) => change(deps, promised, 'stop?t=1', { running: false }),
  kill: async (deps, promised) => {
    promised.running = undefined;
    await ask(deps, 'kill', 'POST', `/containers/${promised.id}/kill`);
  },
  restart: (deps, promised) => change(deps, promised, 'restart?t=0', { running: true }),
  pauseAndResume: async (deps, promised) => {
    await ask(deps, 'pause', 'POST', `/containers/${promised.id}/pause`);
    await ask(deps, 'unpause', 'POST', `/containers/${promised.id}/unpause`);
  },
  async rename(deps, promised) {
    const name = `${deps.name}-r${Math.floor(deps.random() * 1e9)}`;
    promised.name = undefined;
    const answer = await ask(deps, 'rename', 'POST', `/containers/${promised.id}/rename?name=${name}`);
    if (answer?.status === 204) promised.name = name;
  },
  async update(deps, promised) {
    const limit = 20 + Math.floor(deps.random() * 100);
    promised.pidsLimit = undefined;
    const answer = await ask(deps, 'update', 'POST', `/containers/${promised.id}/update`, {
      PidsLimit: limit,
    });
    if (answer?.status === 200) promised.pidsLimit = limit;
  },
  async exec(deps, promised) {
    const path = `/containers/${promised.id}/exec`;
    const made = await ask(deps, 'exec create', 'POST', path, {
      Cmd: ['echo', 'executed'],
      AttachStdout: true,
    });
    if (made?.status !== 201) return;
    const { Id } = JSON.parse(made.text) as { Id: string };
    await ask(deps, 'exec', 'POST', `/exec/${Id}/start`, { Detach: true });
  },
  async copyIn(deps, promised) {
    const content = `token-${Math.floor(deps.random() * 1e9)}`;
    promised.file = undefined;
    const file = tar(member({ name: 'chaos-file', content }));
    const answer = await watch(deps, 'copy in', () => put(deps.engine, promised.id, '/', file));
    if (answer?.status === 200) promised.file = content;
  },
  async copyOut(deps, promised) {
    const { file } = promised;
    const answer = await watch(deps, 'copy out', () => get(deps.engine, promised.id, '/chaos-file'));
    if (file !== undefined && answer?.status === 200 && !answer.body.includes(file))
      deps.complain(`${promised.id}: the file should hold ${file}`);
  },
  async commit(deps, promised) {
    const tag = `${deps.name}:${Math.floor(deps.random() * 3)}`;
    const [repo, version] = tag.split(':');
    await ask(deps, 'commit', 'POST', `/commit?container=${promised.id}&repo=${repo}&tag=${version}`);
    await ask(deps, 'image remove', 'DELETE', `/images/${tag}?force=1`);
  },
  async pull(deps) {
    const { registry } = deps.images;
    await ask(
      deps,
      'pull',
      'POST',
      `/images/create?fromImage=${encodeURIComponent(`${registry}/app`)}&tag=1`,
    );
    if (deps.random() < 0.5) await ask(deps, 'image remove', 'DELETE', `/images/${registry}/app:1`);
  },
  async load({ engine, images, ...deps }) {
    await watch({ engine, images, ...deps }, 'load', async () => {
      const response = await fetch('http://localhost/images/load', {
        unix: engine.socket,
        method: 'POST',
        body: images.archive,
      });
      return { status: response.status, text: await response.text() };
    });
    if (deps.random() < 0.5)
      await ask({ engine, images, ...deps }, 'image remove', 'DELETE', '/images/archived:1');
  },
  async push(deps) {
    if (deps.pushTo === undefined) return;
    const repository = `${deps.pushTo}/${deps.name}`;
    await ask(deps, 'tag', 'POST', `/images/busybox/tag?repo=${encodeURIComponent(repository)}&tag=1`);
    await ask(deps, 'push', 'POST', `/images/${repository}/push?tag=1`);
    await ask(deps, 'image remove', 'DELETE', `/images/${repository}:1`);
  },
  connect: (deps, promised) => place(deps, promised, 'connect'),
  disconnect: (deps, promised) => place(deps, promised, 'disconnect'),
  async look(deps, promised) {
    await ask(deps, 'list', 'GET', '/containers/json?all=1&size=1');
    await ask(deps, 'inspect', 'GET', `/containers/${promised.id}/json`);
    await ask(deps, 'logs', 'GET', `/containers/${promised.id}/logs?stdout=1&tail=5`);
    await ask(deps, 'stats', 'GET', `/containers/${promised.id}/stats?stream=0&one-shot=1`);
    await ask(deps, 'top', 'GET', `/containers/${promised.id}/top`);
    await ask(deps, 'changes', 'GET', `/containers/${promised.id}/changes`);
    await ask(deps, 'usage', 'GET', '/system/df');
  },
  meddle: async (deps) => {
    const other = choose(deps.random, [...deps.containers.values()]);
    const touch = (): void => {
      other.running = undefined;
      other.touches++;
    };
    touch();
    await ask(deps, 'meddle', 'POST', `/containers/${other.id}/kill`);
    // Its owner may have been told meanwhile that it runs.
    touch();
  },
  volume: (deps) => makeOrRemove(deps, 'volumes', shared),
  async prune(deps) {
    for (const kind of ['volumes', 'images']) await ask(deps, `${kind} prune`, 'POST', `/${kind}/prune`);
  },
  network: (deps) => makeOrRemove(deps, 'networks', shared),
  async remove(deps, promised) {
    promised.exists = undefined;
    const answer = await ask(deps, 'remove', 'DELETE', `/containers/${promised.id}?force=1&v=1`);
    if (answer?.status === 204 || answer?.status === 404) promised.exists = false;
  },
};

async function change(
  deps: ClientDeps,
  promised: Promised,
  word: string,
  state: { running: boolean },
): Promise<void> {
  promised.running = undefined;
  const before = deps.troubles();
  const { touches } = promised;
  const answer = await ask(deps, word.replace(/\?.*/, ''), 'POST', `/containers/${promised.id}/${word}`);
  const isCertain = answer !== undefined && (answer.status === 204 || answer.status === 304);
  // What a restart policy or a disaster does next is not promised.
  if (isCertain && deps.troubles() === before && promised.touches === touches && !promised.restarts)
    promised.running = state.running;
}

async function place(deps: ClientDeps, { id }: Promised, verb: 'connect' | 'disconnect'): Promise<void> {
  const network = choose(deps.random, ['bridge', ...shared.networks]);
  await ask(deps, verb, 'POST', `/networks/${network}/${verb}`, { Container: id });
}

/** Its own, of which answers are promises; or one that all share, so that it is in use now and then. */
async function makeOrRemove(deps: ClientDeps, kind: 'volumes' | 'networks', shared: Shared): Promise<void> {
  const own = `${deps.name}-own`;
  const name = choose(deps.random, [own, own, ...shared[kind]]);
  const things = deps[kind];
  if (name === own) things.set(name, undefined);
  const isMade = deps.random() < 0.5;
  const answer = isMade
    ? await ask(deps, `${kind} create`, 'POST', `/${kind}/create`, { Name: name })
    : await ask(deps, `${kind} remove`, 'DELETE', `/${kind}/${name}`);
  if (name !== own || !answer) return;
  // A network that is there already is refused.
  if (answer.status === 201 || (isMade && answer.status === 409)) things.set(name, true);
  if (answer.status === 204 || answer.status === 404) things.set(name, false);
}

const ask = (
  deps: ClientDeps,
  verb: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer | undefined> => watch(deps, verb, () => deps.engine.api(method, path, body));

/** Undefined when there was no answer. An error of the engine with no disaster near is complained of. */
async function watch<T extends { status: number; text?: string; message?: string }>(
  deps: ClientDeps,
  verb: string,
  request: () => Promise<T>,
): Promise<T | undefined> {
  const before = deps.troubles();
  try {
    const answer = await request();
    deps.count(verb, String(answer.status));
    if (!wellStatuses.includes(answer.status) && deps.troubles() === before)
      deps.complain(`${verb}: ${answer.status} ${answer.text ?? answer.message ?? ''}`);
    return answer;
  } catch (error) {
    deps.count(verb, 'no answer');
    if (deps.troubles() === before) deps.complain(`${verb}: no answer: ${String(error)}`);
    await pause(20);
    return undefined;
  }
}
