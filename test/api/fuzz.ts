import {
  type Definition,
  operationOf,
  operationsOf,
  type Parameter,
  resolved,
  type Schema,
} from './definition.ts';
import type { Random } from './random.ts';

export interface FuzzRequest {
  method: string;
  path: string;
  body?: string;
  type?: string;
}

export interface FuzzRoute {
  method: string;
  /** With `{id}` and `{name}` for what the path names. */
  path: string;
  query: string[];
  body?: Schema;
}

/** What is never asked: these would reach another machine, end the engine's world, or wait for ever on purpose. */
const left =
  /^(GET \/events|POST \/images\/create|POST \/auth|GET \/distribution|GET \/images\/search|POST \/session|\w+ \/images\/\{name\}\/push|POST \/build$)/;

export function routesOf(root: Definition): FuzzRoute[] {
  return operationsOf(root)
    .filter((name) => !left.test(name))
    .map((name) => {
      const [method = '', path = ''] = name.split(' ');
      const parameters = operationOf(root, name).parameters ?? [];
      const body = parameters.find((each: Parameter) => each.in === 'body')?.schema;
      return {
        method,
        path,
        query: parameters.filter((each) => each.in === 'query').map((each) => each.name),
        ...(body ? { body: expand(root, body, 0) } : {}),
      };
    });
}

/** A schema without references, so that it can be kept and walked without the definition. */
function expand(root: Definition, schema: Schema, depth: number): Schema {
  const whole = resolved(root, schema);
  if (depth > 5) return { type: 'object' };
  return {
    ...(whole.type === undefined ? {} : { type: whole.type }),
    ...(whole.enum ? { enum: whole.enum } : {}),
    ...(whole.items ? { items: expand(root, whole.items, depth + 1) } : {}),
    ...(typeof whole.additionalProperties === 'object'
      ? { additionalProperties: expand(root, whole.additionalProperties, depth + 1) }
      : {}),
    ...(whole.properties
      ? {
          properties: Object.fromEntries(
            Object.entries(whole.properties).map(([name, each]) => [name, expand(root, each, depth + 1)]),
          ),
        }
      : {}),
  };
}

const map: Schema = { type: 'object', additionalProperties: { type: 'string' } };
const texts: Schema = { type: 'array', items: { type: 'string' } };
const listed = (...names: string[]): Record<string, Schema> =>
  Object.fromEntries(names.map((name) => [name, name.endsWith('s') ? texts : { type: 'string' }]));

/** The routes when the definition is not there: the verbs of a container's and other things' lives, with the bodies that matter. */
export const builtInRoutes: FuzzRoute[] = [
  { method: 'GET', path: '/containers/json', query: ['all', 'limit', 'size', 'filters'] },
  {
    method: 'POST',
    path: '/containers/create',
    query: ['name', 'platform'],
    body: {
      type: 'object',
      properties: {
        ...listed('Hostname', 'User', 'Env', 'Cmd', 'WorkingDir', 'StopSignal', 'Image'),
        Labels: map,
        Volumes: map,
        ExposedPorts: map,
        StopTimeout: { type: 'integer' },
        HostConfig: {
          type: 'object',
          properties: {
            ...listed(
              'NetworkMode',
              'IpcMode',
              'PidMode',
              'UTSMode',
              'CapAdds',
              'SecurityOpts',
              'Binds',
              'Dns',
            ),
            Memory: { type: 'integer' },
            NanoCpus: { type: 'integer' },
            PidsLimit: { type: 'integer' },
            CpusetCpus: { type: 'string' },
            Sysctls: map,
            Tmpfs: map,
            PortBindings: map,
          },
        },
      },
    },
  },
  ...['json', 'top', 'logs', 'changes', 'stats', 'archive'].map((verb) => ({
    method: 'GET',
    path: `/containers/{id}/${verb}`,
    query: ['stdout', 'since', 'tail', 'path', 'ps_args', 'stream'],
  })),
  ...['start', 'stop', 'kill', 'pause', 'unpause', 'resize', 'rename', 'wait', 'restart'].map((verb) => ({
    method: 'POST',
    path: `/containers/{id}/${verb}`,
    query: ['t', 'signal', 'h', 'w', 'name', 'condition', 'detachKeys'],
  })),
  { method: 'DELETE', path: '/containers/{id}', query: ['force', 'v', 'link'] },
  {
    method: 'POST',
    path: '/containers/{id}/exec',
    query: [],
    body: { type: 'object', properties: listed('Cmd', 'User', 'Env') },
  },
  { method: 'GET', path: '/exec/{id}/json', query: [] },
  { method: 'GET', path: '/images/json', query: ['all', 'filters', 'shared-size'] },
  { method: 'GET', path: '/images/{name}/json', query: [] },
  { method: 'POST', path: '/images/{name}/tag', query: ['repo', 'tag'] },
  { method: 'DELETE', path: '/images/{name}', query: ['force', 'noprune'] },
  {
    method: 'POST',
    path: '/networks/create',
    query: [],
    body: { type: 'object', properties: { ...listed('Name', 'Driver'), Options: map } },
  },
  { method: 'DELETE', path: '/networks/{id}', query: [] },
  {
    method: 'POST',
    path: '/volumes/create',
    query: [],
    body: { type: 'object', properties: { ...listed('Name', 'Driver'), DriverOpts: map } },
  },
  { method: 'DELETE', path: '/volumes/{name}', query: ['force'] },
];

const oddTexts = [
  '',
  ' ',
  'a',
  'ab',
  '..',
  '../../etc',
  '/',
  '//',
  '/etc/passwd',
  'a/b',
  'a:b:c',
  ':',
  '=',
  '\n',
  'a\nb',
  'x\0y',
  '%00',
  '%',
  '\u{1f433}',
  '\u202e',
  '-1',
  '0',
  '1e9',
  '4294967296',
  '18446744073709551616',
  'NaN',
  'true',
  'null',
  '__proto__',
  'constructor',
  'toString',
  '{}',
  '[]',
  '{',
  '$(id)',
  "';--",
  'SIGNOPE',
  'CAP_NOPE',
  'container:',
  'container:idle',
  'host',
  'none',
  'bridge',
  'default',
  '0-99999',
  '3-1',
  '80/tcp',
  '90-70/udp',
  '99999/tcp',
  'seccomp={',
  'a'.repeat(300),
  'a'.repeat(5000),
  '('.repeat(200),
  '*',
  '[',
  '/tmp:/x',
  'vol:/x:ro',
  '10.0.0.0/8',
  '::',
  'size=-1',
  'busybox',
];
const oddNumbers = [
  0,
  -1,
  1,
  2,
  1.5,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
  1e300,
  -0,
];
const oddFilters = [
  '{}',
  '[]',
  'x',
  '{"a":1}',
  '{"status":["running"]}',
  '{"name":["("]}',
  '{"name":["(a*)*b"]}',
  '{"id":["0"]}',
  '{"label":{"a":true}}',
  '{"until":["x"]}',
  '{"dangling":["true"]}',
  '{"before":["idle"]}',
  '{"__proto__":["a"]}',
  '{"exited":["99999999999"]}',
  '{"volume":["/"]}',
  '{"publish":["1-65535"]}',
  '{"label":["="]}',
];

/** Things that exist, and things that do not. The safe container is never named: it must live through all of it. */
const names = [
  'idle',
  'done',
  'paused',
  'extra0',
  'net',
  'spare',
  'used',
  'busybox',
  'labelled:1',
  '{ambiguous}',
  'nosuch',
  'none',
  'bridge',
];
/** Nothing of the host may be mounted writable, no namespace of it shared, and nothing be privileged: these fields are never as drawn. */
const dangerous =
  /^(Privileged|Binds|Devices|Mounts|PidMode|UsernsMode|CgroupParent|Links|DeviceRequests|PublishAllPorts|Memory|RestartPolicy)$/;

export function drawRequest(random: Random, routes: readonly FuzzRoute[]): FuzzRequest {
  const route = random.pick(routes);
  // Without the image every create would end at once.
  const spared = route.method === 'DELETE' && route.path.startsWith('/images') ? 'busybox' : undefined;
  const isStart = /\/(re)?start$/.test(route.path) && route.path.startsWith('/containers');
  const named = route.path.replace(/\{\w+\}/g, () => {
    const name = drawName(random, isStart);
    return name === spared ? 'nosuch' : name;
  });
  const query = route.query
    .filter(() => random.chance(50))
    .map((name) => `${name}=${encodeURIComponent(queryValue(random, name))}`)
    // Without an end these answers go on for ever.
    .filter((pair) => !/^(follow|stream)=/.test(pair));
  if (route.path.endsWith('/stats')) query.push('stream=0');
  const version = random.chance(20) ? `/v1.${random.pick([0, 23, 24, 30, 41, 44, 51, 52, 999])}` : '';
  const request = {
    method: random.chance(97) ? route.method : random.pick(['GET', 'POST', 'PUT', 'DELETE']),
    path: `${version}${named}${query.length > 0 ? `?${query.join('&')}` : ''}`,
  };
  if (request.method === 'GET' || request.method === 'HEAD') return request;
  return { ...request, ...drawBody(random, route.body) };
}

/** Only what was made with care is started. */
function drawName(random: Random, isStart: boolean): string {
  if (isStart) return random.pick(safe);
  if (random.chance(30)) return encodeURIComponent(random.pick(oddTexts));
  return random.pick(names);
}

const safe = ['idle', 'done', 'paused', 'extra0'];

function queryValue(random: Random, name: string): string {
  if (name === 'filters' && random.chance(85)) return random.pick(oddFilters);
  // A long patience is no hang, but the test would have to share it.
  if (name === 't') return random.pick(['0', '1', 'x', '']);
  if (/^(w|h|limit)$/.test(name) && random.chance(60)) return String(random.pick([0, 1, -5, 65_536]));
  return random.pick(oddTexts);
}

function drawBody(random: Random, schema: Schema | undefined): Pick<FuzzRequest, 'body' | 'type'> {
  if (!schema || random.chance(5)) {
    if (random.chance(60)) return {};
    return {
      body: random.pick(['', '{', '[]', '{}', 'null', '"x"', '[[[[', '{"a":', '\0', '{"__proto__":{"x":1}}']),
      type: random.pick(['application/json', 'text/plain', '']),
    };
  }
  const value = drawValue(random, schema, 0);
  const image = { Image: random.chance(80) ? 'busybox' : random.pick(oddTexts), Cmd: ['true'] };
  const whole =
    schema.properties?.['HostConfig'] && typeof value === 'object' ? { ...value, ...image } : value;
  const text = JSON.stringify(whole) ?? '';
  return {
    body: random.chance(3) ? text.slice(0, random.below(text.length + 1)) : text,
    type: 'application/json',
  };
}

function drawValue(random: Random, schema: Schema, depth: number): unknown {
  if (random.chance(4)) return random.pick<unknown>([null, [], {}, 0, '', false, [[]], 'x', -1, [null]]);
  if (schema.enum && random.chance(70)) return random.pick(schema.enum);
  switch (schema.type) {
    case 'object': {
      const entries = Object.entries(schema.properties ?? {})
        .filter(([key]) => !dangerous.test(key) && random.chance(depth === 0 ? 30 : 15))
        .map(([key, each]) => [key, drawValue(random, each, depth + 1)]);
      const { additionalProperties } = schema;
      if (typeof additionalProperties === 'object' && random.chance(70))
        entries.push([random.pick(oddTexts), drawValue(random, additionalProperties, depth + 1)]);
      return Object.fromEntries(entries) as unknown;
    }
    case 'array':
      return Array.from({ length: random.below(3) }, () => drawValue(random, schema.items ?? {}, depth + 1));
    case 'integer':
    case 'number':
      return random.pick(oddNumbers);
    case 'boolean':
      return random.chance(50);
    case undefined:
    default:
      return random.pick(oddTexts);
  }
}
