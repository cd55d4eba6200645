import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { definitionMissing, operationOf, operationsOf, readDefinition, violations } from './definition.ts';
import { makeWorld, send, type World } from './play.ts';

const reason = skipReason ?? definitionMissing;
if (reason) console.log(`skipped: answers against Docker's definition of its API: ${reason}`);

/** Where the definition is wrong about what a real Docker (26.1 and 28) answers, or silent. */
const errors: { at: RegExp; why: string }[] = [
  { at: /\.(GenericResources|RemoteManagers|ConfigFrom)\b.*not in the definition$/, why: 'left out' },
  { at: /\$\.RegistryConfig\.\w+: not in the definition$/, why: 'left out' },
  { at: /\$\.Plugins\.\w+: (not in the definition|null)/, why: 'left out' },
  { at: /\.(Aliases|Links|DriverOpts|DNSNames|IPAMConfig): null$/, why: 'null without a value' },
  { at: /\.Containers\[\d+\]\.SizeRw: missing/, why: 'zero is left out' },
  { at: /ProcessConfig\.(user|privileged): null/, why: 'null without a value' },
  { at: /\.(MemorySwappiness|PidsLimit|OomKillDisable|Init): null$/, why: 'null without a value' },
  { at: /\.pressure_stats: not in the definition$/, why: 'ours' },
  { at: /\$\.UserNamespace: not in the definition$/, why: 'ours: whose ids a container has' },
  { at: /^GET \/events: \$\.(status|id|from): not/, why: 'relics that are still answered' },
  { at: /\$\.(Health|FirewallBackend|ExitCode): null$/, why: 'null without a value' },
];

interface Call {
  /** As the definition names it. */
  route: string;
  path: string;
  body?: unknown;
  /** Only the status counts: the body is a stream or no JSON. */
  raw?: true;
  status?: number;
}

/** Every route once, in an order in which each finds what it needs. */
const calls: Call[] = [
  { route: 'GET /containers/json', path: '/containers/json?all=1&size=1' },
  { route: 'GET /containers/{id}/json', path: '/containers/sleeper/json?size=1' },
  { route: 'GET /containers/{id}/json', path: '/containers/done/json' },
  { route: 'GET /containers/{id}/top', path: '/containers/sleeper/top' },
  { route: 'GET /containers/{id}/logs', path: '/containers/done/logs?stdout=1', raw: true },
  { route: 'GET /containers/{id}/changes', path: '/containers/done/changes' },
  { route: 'GET /containers/{id}/export', path: '/containers/done/export', raw: true },
  { route: 'GET /containers/{id}/stats', path: '/containers/sleeper/stats?stream=0' },
  { route: 'HEAD /containers/{id}/archive', path: '/containers/done/archive?path=%2Fbin', raw: true },
  { route: 'GET /containers/{id}/archive', path: '/containers/done/archive?path=%2Fetc', raw: true },
  { route: 'POST /containers/{id}/update', path: '/containers/idle/update', body: { CpuShares: 512 } },
  { route: 'POST /containers/{id}/exec', path: '/containers/sleeper/exec', body: { Cmd: ['true'] } },
  { route: 'GET /exec/{id}/json', path: '/exec/{exec}/json' },
  { route: 'POST /exec/{id}/start', path: '/exec/{exec}/start', body: { Detach: true } },
  { route: 'POST /containers/{id}/pause', path: '/containers/sleeper/pause' },
  { route: 'POST /containers/{id}/unpause', path: '/containers/sleeper/unpause' },
  { route: 'POST /containers/{id}/kill', path: '/containers/sleeper/kill?signal=CONT' },
  { route: 'POST /containers/{id}/restart', path: '/containers/sleeper/restart?t=0' },
  { route: 'POST /containers/{id}/stop', path: '/containers/sleeper/stop?t=0' },
  { route: 'POST /containers/{id}/start', path: '/containers/sleeper/start' },
  { route: 'POST /containers/{id}/rename', path: '/containers/extra0/rename?name=other' },
  { route: 'POST /containers/{id}/wait', path: '/containers/done/wait' },
  { route: 'POST /commit', path: '/commit?container=done&repo=made&tag=1', body: {} },
  { route: 'POST /containers/create', path: '/containers/create?name=new', body: { Image: 'busybox' } },
  { route: 'DELETE /containers/{id}', path: '/containers/new' },
  { route: 'GET /images/json', path: '/images/json?shared-size=1' },
  { route: 'GET /images/{name}/json', path: '/images/labelled:1/json' },
  { route: 'GET /images/{name}/history', path: '/images/labelled:1/history' },
  { route: 'POST /images/{name}/tag', path: '/images/busybox/tag?repo=again&tag=2' },
  { route: 'DELETE /images/{name}', path: '/images/again:2' },
  { route: 'GET /networks', path: '/networks' },
  { route: 'GET /networks/{id}', path: '/networks/net' },
  { route: 'POST /networks/create', path: '/networks/create', body: { Name: 'made' } },
  { route: 'POST /networks/{id}/connect', path: '/networks/made/connect', body: { Container: 'sleeper' } },
  {
    route: 'POST /networks/{id}/disconnect',
    path: '/networks/made/disconnect',
    body: { Container: 'sleeper' },
  },
  { route: 'DELETE /networks/{id}', path: '/networks/made' },
  { route: 'GET /volumes', path: '/volumes' },
  { route: 'POST /volumes/create', path: '/volumes/create', body: { Name: 'made' } },
  { route: 'GET /volumes/{name}', path: '/volumes/made' },
  { route: 'DELETE /volumes/{name}', path: '/volumes/made' },
  { route: 'GET /info', path: '/info' },
  { route: 'GET /version', path: '/version' },
  { route: 'GET /_ping', path: '/_ping', raw: true },
  { route: 'HEAD /_ping', path: '/_ping', raw: true },
  { route: 'GET /system/df', path: '/system/df' },
  { route: 'GET /events', path: '/events?since=1&until={now}' },
  { route: 'GET /plugins', path: '/plugins' },
  { route: 'POST /build/prune', path: '/build/prune' },
  { route: 'POST /containers/prune', path: '/containers/prune' },
  { route: 'POST /networks/prune', path: '/networks/prune' },
  { route: 'POST /volumes/prune', path: '/volumes/prune' },
  { route: 'POST /images/prune', path: '/images/prune' },
];

/** Routes that others test, since they need a terminal, a body that is a stream, or a registry. */
const elsewhere = new Set([
  'POST /containers/{id}/attach',
  'GET /containers/{id}/attach/ws',
  'POST /containers/{id}/resize',
  'POST /exec/{id}/resize',
  'PUT /containers/{id}/archive',
  'POST /images/create',
  'POST /images/load',
  'GET /images/get',
  'GET /images/{name}/get',
  'POST /images/{name}/push',
  'GET /images/search',
  'POST /auth',
  'GET /distribution/{name}/json',
  'POST /build',
  'POST /session',
]);
/** There is no swarm, and no plugin. */
const nowhere = /^\w+ \/(swarm|nodes|services|tasks|secrets|configs|plugins)\b|^PUT \/volumes\/\{name\}$/;

describe.skipIf(reason !== undefined)("Docker's definition of its API", () => {
  let engine: TestEngine;
  let world: World;
  beforeAll(async () => {
    engine = await startEngine();
    world = await makeWorld(engine.socket);
  }, 60_000);
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  }, 60_000);

  test('every route is served, or known to be none of an engine without swarm and plugins', async () => {
    const covered = new Set(calls.map(({ route }) => route));
    const rest = operationsOf(readDefinition()).filter(
      (name) => !covered.has(name) && !elsewhere.has(name) && !nowhere.test(name),
    );
    expect(rest).toEqual([]);
    const lost: string[] = [];
    for (const name of operationsOf(readDefinition())) {
      const [method = '', path = ''] = name.split(' ');
      const { text } = await send(world.socket, {
        method,
        path: path
          .replace(/\{\w+\}/g, 'nosuch')
          .replace('/prune', '/prune?filters=x')
          .replace('/events', '/events?until=1'),
        ...(method === 'POST' || method === 'PUT' ? { body: '[' } : {}),
      });
      if (text.includes('page not found')) lost.push(name);
    }
    expect(lost).toEqual([]);
  }, 60_000);

  test('every answer is as defined, in this order', async () => {
    const root = readDefinition();
    const wrong: string[] = [];
    for (const { route, path, body, raw } of calls) {
      const filled = path
        .replace('{now}', String(Date.now() / 1000))
        .replace(/\{(\w+)\}/g, (_, name: string) => world.variables[name] ?? '');
      const [method = ''] = route.split(' ');
      const reply = await send(world.socket, {
        method,
        path: filled,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (reply.status === 501) {
        console.log(`not done yet: ${route}`);
        continue;
      }
      const response = operationOf(root, route).responses[String(reply.status)];
      if (!response || reply.status >= 400)
        wrong.push(`${route}: ${reply.status} ${reply.text.slice(0, 300)}`);
      else if (raw !== true && response.schema && reply.text !== '') {
        const values = reply.text
          .trim()
          .split(/\n(?=\{)/)
          .map((line) => JSON.parse(line) as unknown);
        wrong.push(
          ...values
            .flatMap((value) => violations(root, response.schema ?? {}, value))
            .map((each) => `${route}: ${each}`)
            .filter((each) => !errors.some(({ at }) => at.test(each))),
        );
      }
    }
    expect([...new Set(wrong)]).toEqual([]);
  }, 60_000);

  test('errors have the body that is defined', async () => {
    const root = readDefinition();
    const schema = root.definitions['ErrorResponse'] ?? {};
    for (const path of ['/containers/nosuch/json', '/nosuch', '/containers/json?filters=x', '/v1.23/info']) {
      const { status, text } = await send(world.socket, { method: 'GET', path });
      expect(status).toBeGreaterThanOrEqual(400);
      const found = violations(root, schema, JSON.parse(text));
      // Ours, which other clients leave alone (`errorBody`).
      expect(found.filter((violation) => violation !== '$.hint: not in the definition')).toEqual([]);
    }
  });
});
