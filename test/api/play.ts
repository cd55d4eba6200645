import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { tarOf } from '../registry/sample-image.ts';
import { normalise } from '../conformance/normalise.ts';
import type { Case } from './cases.ts';

/** What an engine answered: the status, the words of an error, and what the case asks to show. */
export interface Told {
  status: number;
  message?: string;
  warnings?: string[];
  started?: { status: number; message?: string };
  shown?: unknown;
}

interface Reply {
  status: number;
  text: string;
}

export interface World {
  readonly socket: string;
  readonly variables: Record<string, string>;
  ask(method: string, path: string, body?: unknown): Promise<Reply>;
}

/** Far above what any of these requests takes: an answer that does not come is a failure. */
const limitMs = 30_000;

export async function send(
  socket: string,
  request: {
    method: string;
    path: string;
    body?: string | Uint8Array<ArrayBuffer>;
    type?: string;
    limitMs?: number;
  },
): Promise<Reply> {
  const { method, path, body, type = 'application/json' } = request;
  const response = await fetch(`http://localhost${path}`, {
    method,
    unix: socket,
    signal: AbortSignal.timeout(request.limitMs ?? limitMs),
    ...(body === undefined ? {} : { body, headers: type === '' ? {} : { 'Content-Type': type } }),
  });
  // Streams of a success do not end; their words are not compared.
  if (response.status < 300 && /stream|raw/.test(response.headers.get('content-type') ?? '')) {
    await response.body?.cancel();
    return { status: response.status, text: '' };
  }
  return { status: response.status, text: await response.text() };
}

/** Containers, a network, a volume and two images of the same bytes on any engine. */
export async function makeWorld(socket: string): Promise<World> {
  const ask: World['ask'] = (method, path, body) =>
    send(socket, { method, path, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const must = async (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> => {
    const reply = await ask(method, path, body);
    if (reply.status >= 400) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
    return reply.text.startsWith('{')
      ? (JSON.parse(reply.text.split('\n')[0] ?? '') as Record<string, unknown>)
      : {};
  };
  const busybox = await readFile('/bin/busybox');
  const links = ['sh', 'true', 'sleep', 'echo', 'false'].map((name) => [`bin/${name}`, busybox] as const);
  const files = {
    ...Object.fromEntries(links),
    'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
    'etc/group': 'root:x:0:\n',
    'root/a': '',
    'tmp/a': '',
  };
  for (const [name, changes] of [
    ['busybox&tag=latest', ['CMD ["sh"]', 'ENV PATH=/bin']],
    [
      'labelled&tag=1',
      [
        'CMD ["sh"]',
        'LABEL kind=sample',
        'EXPOSE 53/udp',
        'VOLUME /data',
        'USER 0',
        'WORKDIR /srv',
        'STOPSIGNAL SIGUSR2',
        'ENTRYPOINT ["/bin/echo"]',
      ],
    ],
  ] as const) {
    const query = changes.map((change) => `&changes=${encodeURIComponent(change)}`).join('');
    const reply = await send(socket, {
      method: 'POST',
      path: `/images/create?fromSrc=-&repo=${name}${query}`,
      body: new Uint8Array(tarOf({ ...files, 'etc/image': name })),
      type: 'application/x-tar',
    });
    if (reply.status !== 200 || reply.text.includes('"error'))
      throw new Error(`import: ${reply.status} ${reply.text}`);
  }
  const variables: Record<string, string> = {};
  const made = async (name: string, config: object): Promise<void> => {
    const { Id } = await must('POST', `/containers/create?name=${name}`, { Image: 'busybox', ...config });
    variables[name] = String(Id);
  };
  variables['net'] = String(
    (await must('POST', '/networks/create', { Name: 'net', Labels: { tier: 'front' } }))['Id'],
  );
  await must('POST', '/networks/create', { Name: 'spare' });
  await must('POST', '/volumes/create', { Name: 'used', Labels: { tier: 'front' } });
  await must('POST', '/volumes/create', { Name: 'spare' });
  await made('idle', { Cmd: ['true'], Labels: { keep: '1' }, HostConfig: { Binds: ['used:/data'] } });
  await made('sleeper', {
    Cmd: ['sleep', '100000'],
    Labels: { tier: 'front' },
    ExposedPorts: { '80/tcp': {}, '81/udp': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } },
  });
  await made('paused', { Cmd: ['sleep', '100000'], HostConfig: { NetworkMode: 'net' } });
  await made('done', {
    Image: 'labelled:1',
    Entrypoint: ['/bin/sh', '-c', 'exit 3'],
    Cmd: [],
    HostConfig: { NetworkMode: 'none' },
  });
  for (const name of ['sleeper', 'paused', 'done']) await must('POST', `/containers/${name}/start`);
  await must('POST', '/containers/done/wait');
  await must('POST', '/containers/paused/pause');
  variables['exec'] = String((await must('POST', '/containers/sleeper/exec', { Cmd: ['true'] }))['Id']);
  const image = JSON.parse((await ask('GET', '/images/busybox/json')).text) as { Id: string };
  variables['busybox'] = image.Id;
  variables['host'] = (JSON.parse((await ask('GET', '/info')).text) as { Name: string }).Name;
  variables['ambiguous'] = await ambiguousPrefix(made, variables);
  return { socket, variables, ask };
}

/** A first letter that two containers have; the ones that were made for it are called `extraN`. */
async function ambiguousPrefix(
  made: (name: string, config: object) => Promise<void>,
  variables: Record<string, string>,
): Promise<string> {
  const firsts = new Set<string>();
  for (let i = 0; ; i++) {
    await made(`extra${i}`, { Cmd: ['true'], Labels: { keep: '1' } });
    const first = (variables[`extra${i}`] ?? '').slice(0, 1);
    if (firsts.has(first)) return first;
    firsts.add(first);
  }
}

/** Sends the request and takes away what it made. */
export async function play(world: World, one: Case): Promise<Told> {
  const path = fill(one.path, world.variables);
  const body = one.raw ?? (one.body === undefined ? undefined : JSON.stringify(one.body));
  const reply = await send(world.socket, {
    method: one.method,
    path,
    ...(body === undefined ? {} : { body: new TextEncoder().encode(body) }),
    ...(one.type === undefined ? {} : { type: one.type }),
  });
  const told: Told = { status: reply.status };
  if (reply.status >= 400) told.message = tidy(world, messageOf(reply.text));
  else if (one.show === 'list') told.shown = names(world, reply.text);
  else if (one.show === 'json') told.shown = fieldsOf(JSON.parse(reply.text));
  if (reply.status === 201 && /containers\/create/.test(path)) await settle(world, one, reply.text, told);
  else if (reply.status === 201 && /(networks|volumes)\/create/.test(path))
    await world.ask('DELETE', madeThing(path, reply.text));
  return told;
}

async function settle(world: World, one: Case, text: string, told: Told): Promise<void> {
  const { Id, Warnings } = JSON.parse(text) as { Id: string; Warnings: string[] | null };
  if (Warnings?.length) told.warnings = Warnings.map((warning) => tidy(world, warning));
  if (one.start) {
    const started = await world.ask('POST', `/containers/${Id}/start`);
    told.started = {
      status: started.status,
      ...(started.status >= 400
        ? { message: tidy(world, messageOf(started.text).replaceAll(Id, '<id>')) }
        : {}),
    };
  }
  if (one.show === 'settings')
    told.shown = settingsOf(world, (await world.ask('GET', `/containers/${Id}/json`)).text, Id);
  await world.ask('DELETE', `/containers/${Id}?force=1&v=1`);
  for (const name of ['a', 'c', 'fresh', 'named']) await world.ask('DELETE', `/volumes/${name}`);
}

function settingsOf(world: World, text: string, id: string): unknown {
  const { HostConfig, Config, Mounts, NetworkSettings } = JSON.parse(
    text.replaceAll(id, '<id>').replaceAll(id.slice(0, 12), '<short>'),
  ) as Record<string, unknown> & {
    Mounts: { Destination: string }[];
    NetworkSettings: { Networks: unknown };
  };
  const sorted = Mounts.toSorted((a, b) => (a.Destination < b.Destination ? -1 : 1));
  const all = JSON.stringify({ HostConfig, Config, Mounts: sorted, Networks: NetworkSettings.Networks });
  const hidden = all
    .replace(/"Source":"[^"]*\/volumes\/([^"/]*)\/_data"/g, '"Source":"<volumes>/$1"')
    .replaceAll(`"Hostname":"${hostname()}"`, '"Hostname":"<machine>"');
  return JSON.parse(normalise(hidden, reversed(world), { docker: '' })) as unknown;
}

const reversed = ({ variables }: World): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).filter(([name]) => name !== 'ambiguous' && name !== 'host'));

function tidy(world: World, message: string): string {
  return normalise(message, reversed(world), { docker: '' }).trim();
}

const fill = (path: string, variables: Record<string, string>): string =>
  path
    .replace(/\{(\w+)\}/g, (whole, name: string) => variables[name] ?? whole)
    .replace(/%7B(\w+)%7D/g, (whole, name: string) => variables[name] ?? whole);

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    return text;
  }
}

function madeThing(path: string, text: string): string {
  const { Id, Name } = JSON.parse(text) as { Id?: string; Name?: string };
  return path.startsWith('/networks') ? `/networks/${Id}` : `/volumes/${Name}`;
}

const hideId = (text: string): string => text.replace(/^[0-9a-f]{64}$/, '<id>');

/** Names in a list or of what was pruned; the order counts for containers alone. */
function names(world: World, text: string): unknown {
  const ids = Object.fromEntries(Object.entries(world.variables).map(([name, id]) => [id, name]));
  const parsed = JSON.parse(text) as unknown;
  const nameOf = (each: unknown): string => {
    if (typeof each === 'string') return ids[each] ?? hideId(each);
    const { Names, RepoTags, Name, Untagged, Deleted } = each as Record<
      'Names' | 'RepoTags',
      string[] | undefined
    > &
      Record<'Name' | 'Untagged' | 'Deleted', string | undefined>;
    return hideId(Names?.[0] ?? RepoTags?.[0] ?? Name ?? Untagged ?? (Deleted ? '<deleted>' : '?'));
  };
  if (Array.isArray(parsed)) {
    const list = parsed.map(nameOf).filter((name) => !name.startsWith('/extra'));
    return text.includes('"Names"') ? list : list.toSorted();
  }
  const entries = Object.entries(parsed as Record<string, unknown>).filter(
    ([key]) => key !== 'SpaceReclaimed',
  );
  return Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      Array.isArray(value)
        ? value
            .map(nameOf)
            .filter((name) => !name.startsWith('extra'))
            .toSorted()
        : value,
    ]),
  );
}

/** `State.Pid:number` for every field of an answer; lists and maps by their first element. */
export function fieldsOf(value: unknown, at = ''): string[] {
  if (Array.isArray(value)) {
    const inside = [...new Set(value.flatMap((each) => fieldsOf(each, `${at}[]`)))];
    return inside.length > 0 ? inside.toSorted() : [`${at}:list`];
  }
  if (typeof value !== 'object' || value === null) return [`${at}:${value === null ? 'null' : typeof value}`];
  const entries = Object.entries(value);
  if (entries.length === 0) return [`${at}:object`];
  const isMap = maps.test(at);
  return [
    ...new Set(entries.flatMap(([name, each]) => fieldsOf(each, isMap ? `${at}.*` : `${at}.${name}`))),
  ].toSorted();
}

/** Objects whose keys are names that somebody chose. */
const maps =
  /\.(Labels|Networks|Ports|ExposedPorts|Volumes|PortBindings|Containers|Options|Runtimes|IndexConfigs|Annotations|Config\.Volumes|Data|Details)$/;
