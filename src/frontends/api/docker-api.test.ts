import { expect, test } from 'bun:test';
import { createConnection } from 'node:net';
import type { AttachRequest, CreateRequest, ExecInfo } from '../../engine/container/container.ts';
import type { Engine } from '../../engine/host/engine.ts';
import type { ErrorKind } from '../../foundation/base/errors.ts';
import { canceled, conflict, notFound, notModified, SiloError } from '../../foundation/base/errors.ts';
import { parseExecId } from '../../foundation/base/ids.ts';
import { parseDigest } from '../../foundation/oci/digest.ts';
import { encodeFrame } from '../../foundation/wire/raw-stream.ts';
import { statusOf } from './status.ts';
import { engineDouble, type EngineParts } from './testing/engine-double.ts';
import { createdAtMs, sampleContainer, sampleImage, sampleUsage } from './testing/sample-records.ts';
import { serveApi } from './testing/serve.ts';

const serve = (parts: EngineParts = {}, records: Parameters<typeof engineDouble>[1] = {}) =>
  serveApi(engineDouble(parts, records));

test('ping tells version and builder, with and without a version in the path', async () => {
  await using api = await serve();
  for (const path of ['/_ping', '/v1.24/_ping', '/v1.51/_ping']) {
    const { status, text, headers } = await api.call('GET', path);
    expect({ status, text }).toEqual({ status: 200, text: 'OK' });
    expect(headers).toMatchObject({
      'api-version': '1.51',
      'builder-version': '1',
      'docker-experimental': 'true',
      ostype: 'linux',
      server: 'Silo/0.1.0 (linux)',
      'cache-control': 'no-cache, no-store, must-revalidate',
    });
  }
  expect((await api.call('HEAD', '/_ping')).status).toBe(200);
});

test('unknown pages and versions out of range are refused with the words of the real engine', async () => {
  await using api = await serve();
  const told: [string, string, number, string][] = [
    ['GET', '/nothing', 404, 'page not found'],
    ['POST', '/info', 404, 'page not found'],
    ['GET', '/v1.41/nothing', 404, 'page not found'],
    ['GET', '/containers//json', 404, 'page not found'],
    ['GET', '/v1.52/info', 400, 'client version 1.52 is too new. Maximum supported API version is 1.51'],
    ['GET', '/containers/nope/json', 404, 'No such container: nope'],
    ['GET', '/images/nope/json', 404, 'No such image: nope:latest'],
    ['GET', '/containers/json?filters=x', 400, 'invalid filter'],
    ['GET', '/containers/json?limit=x', 400, 'strconv.Atoi: parsing "x": invalid syntax'],
    ['GET', '/system/df?type=foo', 400, 'unknown object type: foo'],
    ['POST', '/containers/x/rename', 400, 'Neither old nor new names may be empty'],
    ['POST', '/containers/x/wait?condition=foo', 400, 'invalid condition: "foo"'],
    ['GET', '/containers/x/logs', 400, 'Bad parameters: you must choose at least one stream'],
    ['POST', '/containers/x/resize?h=a&w=1', 400, 'strconv.Atoi: parsing "a": invalid syntax'],
    [
      'POST',
      '/images/create?fromImage=BAD',
      400,
      'invalid reference format: repository name (library/BAD) must be lowercase',
    ],
    [
      'POST',
      '/build?version=2',
      501,
      'builds of BuildKit (version=2, session) are not served by this engine: use DOCKER_BUILDKIT=0 docker build, or silo build',
    ],
    [
      'GET',
      '/swarm',
      503,
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    ],
  ];
  for (const [method, path, status, message] of told) {
    const reply = await api.call(method, path);
    expect([path, reply.status, reply.json]).toEqual([path, status, expect.objectContaining({ message })]);
  }
});

test('bodies of wrong type, shape or size get 400 and a message', async () => {
  await using api = await serve();
  const create = (body: string, type = 'application/json') =>
    api.call('POST', '/containers/create', body, { 'content-type': type });
  const told: [Promise<{ status: number; json: unknown }>, string][] = [
    [
      create('{"Image":"x"}', 'text/plain'),
      `unsupported Content-Type header (text/plain): must be 'application/json'`,
    ],
    [create('{"Image":"x"}', ''), 'malformed Content-Type header (): mime: no media type'],
    [create(''), 'invalid JSON: got EOF while reading request body'],
    [create('{'), 'invalid JSON: '],
    [create('[]'), 'invalid JSON: json: cannot unmarshal array into Go value of type map'],
    [create('{"Image":1}'), 'into Go struct field Image of type string'],
    [create('{"HostConfig":{"Memory":"x"}}'), 'into Go struct field HostConfig.Memory of type int64'],
    [create(`{"Image":"${'x'.repeat(9 << 20)}"}`), 'larger than'],
  ];
  for (const [reply, message] of told) {
    const { status, json } = await reply;
    expect({ status, json }).toEqual({ status: 400, json: { message: expect.stringContaining(message) } });
  }
});

test('every kind of error has a status, and an undo that failed does not hide it', async () => {
  let thrown: unknown;
  await using api = await serve({
    containers: {
      start: async () => {
        throw thrown;
      },
    },
  });
  for (const kind of Object.keys(statusOf) as ErrorKind[]) {
    thrown = new SuppressedError(new Error('undo failed'), new SiloError(kind, 'why', { hint: 'do this' }));
    const { status, json } = await api.call('POST', '/containers/x/start');
    expect([kind, status]).toEqual([kind, statusOf[kind]]);
    expect(json).toEqual(kind === 'not-modified' ? undefined : { message: 'why', hint: 'do this' });
  }
});

test('create hands over name and translated configuration, and answers with id and warnings', async () => {
  let asked: CreateRequest | undefined;
  const { id } = sampleContainer();
  await using api = await serve({
    containers: {
      create: async (request) => {
        asked = request;
        return { id, warnings: ['careful'] };
      },
    },
  });
  const body = {
    Image: 'busybox',
    HostConfig: { LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } } },
  };
  const { status, json } = await api.call('POST', '/v1.44/containers/create?name=web', body);
  expect({ status, json }).toEqual({
    status: 201,
    json: { Id: id, Warnings: ['careful'] },
  });
  expect(asked).toMatchObject({ name: 'web', config: { image: 'busybox', network: { mode: 'default' } } });
});

test('verbs pass their parameters on and answer 204, or 304 when nothing changed', async () => {
  const calls: unknown[] = [];
  const note = async (...args: unknown[]): Promise<void> => void calls.push(args);
  const containers: Partial<Engine['containers']> = {
    stop: note,
    kill: note,
    remove: note,
    rename: note,
    start: async () => {
      throw notModified('runs already');
    },
  };
  await using api = await serve({ containers });
  const statuses = [];
  for (const [method, path] of [
    ['POST', '/containers/a/stop?t=-1&signal=INT'],
    ['POST', '/containers/a/kill'],
    ['DELETE', '/containers/a?force=1&v=true'],
    ['POST', '/containers/a/rename?name=b'],
    ['POST', '/containers/a/start'],
  ] as const)
    statuses.push((await api.call(method, path)).status);
  expect(statuses).toEqual([204, 204, 204, 204, 304]);
  expect(calls).toEqual([
    ['a', { timeoutSeconds: -1, signal: 'INT' }],
    ['a', 'SIGKILL'],
    ['a', { force: true, volumes: true }],
    ['a', 'b'],
  ]);
});

test('the list shows running containers, all on demand, newest first, filtered and limited', async () => {
  const containers = [
    sampleContainer({ name: 'new', state: { status: 'running', pid: 1, startedAtMs: createdAtMs } }),
    sampleContainer({ name: 'old', createdAtMs: createdAtMs - 1000 }),
  ];
  await using api = await serve({}, { containers, images: [sampleImage()] });
  const names = async (query: string): Promise<unknown> =>
    ((await api.call('GET', `/containers/json?${query}`)).json as { Names: string[] }[]).map(
      ({ Names }) => Names[0],
    );
  const filter = (value: object): string => `filters=${encodeURIComponent(JSON.stringify(value))}`;
  expect(await names('')).toEqual(['/new']);
  expect(await names('all=1')).toEqual(['/new', '/old']);
  expect(await names('limit=1')).toEqual(['/new']);
  expect(await names(`all=1&${filter({ name: ['^/?old$'] })}`)).toEqual(['/old']);
  expect(await names(filter({ status: ['created'] }))).toEqual(['/old']);
  expect(await names(`all=1&${filter({ ancestor: ['busybox'] })}`)).toEqual(['/new', '/old']);
  expect(await names(`all=1&${filter({ ancestor: ['other'] })}`)).toEqual([]);
  expect(await names(`all=1&${filter({ expose: ['79-80'] })}`)).toEqual(['/new']);
});

test('wait answers its head when it is registered and its body at the end', async () => {
  const ended = Promise.withResolvers<{ exitCode: number }>();
  await using api = await serve({
    containers: {
      wait: async (_, __, options) => {
        options?.registered?.();
        return ended.promise;
      },
    },
  });
  const socket = createConnection(api.path);
  const chunks: string[] = [];
  const received = Promise.withResolvers<void>();
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk.toString());
    received.resolve();
  });
  socket.write('POST /containers/x/wait HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n');
  await received.promise;
  expect(chunks.join('')).toStartWith('HTTP/1.1 200 OK');
  expect(chunks.join('')).not.toContain('StatusCode');
  ended.resolve({ exitCode: 3 });
  await new Promise((resolve) => socket.once('end', resolve));
  expect(chunks.join('')).toContain('{"StatusCode":3}');
});

/** Sends a request that asks for an upgrade, then `input`, and gives back everything until the end. */
function hijack(
  path: string,
  target: string,
  options: { body?: string; input?: string } = {},
): Promise<Buffer> {
  const { body = '', input = '' } = options;
  const socket = createConnection({ path, allowHalfOpen: true });
  const length = body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  socket.write(
    `POST ${target} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n${length}\r\n${body}`,
  );
  const chunks: Buffer[] = [];
  let isOpen = false;
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (!isOpen) socket.end(input);
      isOpen = true;
    });
    socket.on('end', () => resolve(Buffer.concat(chunks)));
  });
}

test('attach frames output, passes input on, and ends with the process', async () => {
  let asked: AttachRequest | undefined;
  await using api = await serve(
    {
      streams: {
        attach: async (_, request) => {
          asked = request;
          request.onReady?.();
          let typed = '';
          for await (const chunk of request.stdin ?? []) typed += String(chunk);
          request.output?.write('stdout', Buffer.from(typed.toUpperCase()));
          request.output?.write('stderr', Buffer.from('oops'));
          return { reason: 'ended' };
        },
      },
    },
    { containers: [sampleContainer()] },
  );
  const answer = await hijack(api.path, '/v1.42/containers/web/attach?stream=1&stdin=1&stdout=1', {
    input: 'hello',
  });
  const head =
    'HTTP/1.1 101 UPGRADED\r\nApi-Version: 1.51\r\nDocker-Experimental: true\r\nOstype: linux\r\nServer: Silo/0.1.0 (linux)\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n';
  const frames = [encodeFrame('stdout', Buffer.from('HELLO')), encodeFrame('stderr', Buffer.from('oops'))];
  expect(answer.toString()).toBe(Buffer.concat([Buffer.from(head), ...frames]).toString());
  expect(asked).toMatchObject({ stdout: true, stderr: false, stream: true, logs: false });
  expect(asked).not.toHaveProperty('detachKeys');
});

test('attach to a terminal is raw and has detach keys; old clients know no framed type', async () => {
  const terminal = sampleContainer();
  terminal.config.terminal = true;
  let keys: Uint8Array | undefined;
  await using api = await serve(
    {
      streams: {
        attach: async (_, request) => {
          keys = request.detachKeys;
          request.output?.write('stdout', Buffer.from('raw'));
          return { reason: 'ended' };
        },
      },
    },
    { containers: [terminal, sampleContainer({ id: sampleContainer().id, name: 'plain' })] },
  );
  const answer = await hijack(api.path, '/containers/web/attach?stream=1&stdout=1&detachKeys=ctrl-a,b');
  expect(answer.toString()).toEndWith('\r\n\r\nraw');
  expect([...(keys ?? [])]).toEqual([1, 98]);
  const old = await hijack(api.path, '/v1.41/containers/plain/attach?stream=1&stdout=1');
  expect(old.toString()).toContain('Content-Type: application/vnd.docker.raw-stream');
});

test('attach that fails before the head is an ordinary error answer', async () => {
  await using api = await serve(
    {
      streams: {
        attach: async () => {
          throw conflict('Container x is paused. Unpause the container before attach');
        },
      },
    },
    { containers: [sampleContainer()] },
  );
  const answer = (await hijack(api.path, '/containers/web/attach?stream=1&stdout=1')).toString();
  expect(answer).toStartWith('HTTP/1.1 409 Conflict');
  expect(answer).toContain('Unpause the container before attach');
  expect((await hijack(api.path, '/containers/nope/attach')).toString()).toStartWith(
    'HTTP/1.1 404 Not Found',
  );
});

test('exec that cannot run says so in the stream, detached in the answer', async () => {
  const id = parseExecId('ef'.repeat(32));
  const info: ExecInfo = {
    id,
    containerId: sampleContainer().id,
    request: {
      args: ['nope'],
      env: [],
      terminal: false,
      stdin: false,
      stdout: true,
      stderr: true,
      privileged: false,
    },
    running: false,
    pid: 0,
  };
  await using api = await serve({
    execs: {
      inspect: (asked) => {
        if (asked !== id) throw notFound(`No such exec instance: ${asked}`);
        return info;
      },
      start: async () => {
        throw conflict('exec failed');
      },
    },
  });
  const answer = await hijack(api.path, `/exec/${id}/start`, { body: '{"Detach":false,"Tty":false}' });
  expect(answer.toString()).toStartWith('HTTP/1.1 101 UPGRADED');
  expect(answer.subarray(-21)).toEqual(Buffer.from(encodeFrame('stdout', Buffer.from('exec failed\r\n'))));
  expect((await api.call('POST', `/exec/${id}/start`, { Detach: true })).status).toBe(409);
  expect((await api.call('POST', '/exec/nope/start', {})).json).toEqual({
    message: 'No such exec instance: nope',
  });
  expect((await api.call('GET', `/exec/${id}/json`)).json).toMatchObject({
    ExitCode: null,
    ProcessConfig: { entrypoint: 'nope', arguments: [], tty: false },
  });
});

test('logs are framed, and a client that leaves stops the reader', async () => {
  const stopped = Promise.withResolvers<void>();
  await using api = await serve(
    {
      streams: {
        async *logs(_, request) {
          yield [{ stream: 'stderr', time: '2026-01-02T03:04:05.5Z', text: Buffer.from('line\n') }];
          if (!request.follow) return;
          request.signal?.addEventListener('abort', () => stopped.resolve());
          await stopped.promise;
        },
      },
    },
    { containers: [sampleContainer()] },
  );
  const { text, headers } = await api.call('GET', '/containers/web/logs?stderr=1&timestamps=1&tail=5');
  expect(text).toBe(
    Buffer.from(encodeFrame('stderr', Buffer.from('2026-01-02T03:04:05.5Z line\n'))).toString(),
  );
  expect(headers['content-type']).toBe('application/vnd.docker.multiplexed-stream');
  const socket = createConnection(api.path);
  socket.write('GET /containers/web/logs?stderr=1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n');
  await new Promise((resolve) => socket.once('data', resolve));
  socket.destroy();
  await stopped.promise;
});

test('a pull that fails before its first message is an error answer, later an error message', async () => {
  await using api = await serve({
    images: {
      pull: async ({ reference, onProgress }) => {
        if (reference.tag === 'late') onProgress?.({ kind: 'layer', id: 'a', phase: 'downloading' });
        throw notFound(`manifest for x:${reference.tag} not found`);
      },
    },
  });
  const early = await api.call('POST', '/images/create?fromImage=x&tag=early');
  expect([early.status, early.json]).toEqual([404, { message: 'manifest for x:early not found' }]);
  const late = await api.call('POST', '/images/create?fromImage=x&tag=late');
  expect(late.status).toBe(200);
  expect(late.text).toEndWith(
    '{"errorDetail":{"message":"manifest for x:late not found"},"error":"manifest for x:late not found"}\r\n',
  );
});

test('a pull ends with digest and status', async () => {
  const image = sampleImage();
  await using api = await serve({
    images: { pull: async () => ({ image, digest: image.manifestDigest, changed: false }) },
  });
  const { text } = await api.call('POST', '/images/create?fromImage=busybox&tag=1');
  expect(text.split('\r\n').slice(0, 3)).toEqual([
    '{"status":"Pulling from library/busybox","id":"1"}',
    `{"status":"Digest: ${image.manifestDigest}"}`,
    '{"status":"Status: Image is up to date for busybox:1"}',
  ]);
});

test('events come as they happen, history first, and end at their time', async () => {
  const engine = engineDouble();
  await using api = await serveApi(engine);
  const event = { type: 'container', id: 'abc', attributes: { image: 'busybox', name: 'web' } } as const;
  engine.events.publish({ ...event, action: 'create' });
  engine.events.publish({ ...event, action: 'start' });
  engine.events.publish({ type: 'volume', action: 'create', id: 'v', attributes: {} });
  const filters = encodeURIComponent(JSON.stringify({ container: ['web'], event: ['start'] }));
  const past = await api.call('GET', `/events?since=1&until=1767323046&filters=${filters}`);
  expect(past.text.split('\n').filter((line) => line !== '')).toEqual([
    expect.stringContaining('"Action":"start"'),
  ]);
  const socket = createConnection(api.path);
  socket.write('GET /events HTTP/1.1\r\nHost: d\r\n\r\n');
  await new Promise((resolve) => socket.once('data', resolve));
  const next = new Promise<string>((resolve) =>
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  );
  engine.events.publish({ ...event, action: 'die' });
  expect(await next).toContain('"Action":"die"');
  socket.destroy();
});

test('the disk usage of a name counts its other platforms, which are no images of their own', async () => {
  const own = sampleImage();
  const [name = ''] = own.tags;
  const [shared, ownLayer, otherLayer] = ['a', 'b', 'c'].map((digit) =>
    parseDigest(`sha256:${digit.repeat(64)}`),
  );
  if (!shared || !ownLayer || !otherLayer) throw new Error('three digests');
  const other = sampleImage({
    id: parseDigest(`sha256:${'5'.repeat(64)}`),
    tags: [],
    digests: [],
    variantOf: [name],
    config: { ...own.config, architecture: 'arm64' },
  });
  await using api = await serve(
    {
      images: {
        contentOf: (id) => ({ layers: [shared, id === other.id ? otherLayer : ownLayer], blobs: [] }),
      },
      disk: {
        usage: async () => ({
          ...sampleUsage,
          layersBytes: { [shared]: 1, [ownLayer]: 10, [otherLayer]: 100 },
        }),
      },
    },
    { containers: [sampleContainer({ imageId: other.id })], images: [own, other] },
  );
  const { json } = await api.call('GET', '/system/df?type=image');
  expect((json as { Images: object[] }).Images).toEqual([
    expect.objectContaining({ Id: own.id, Size: 111, SharedSize: 0, Containers: 1 }),
  ]);
});

test('inspect of an image tells the Docker that made it', async () => {
  const image = sampleImage();
  const images = [{ ...image, config: { ...image.config, docker_version: '20.10.8' } }];
  await using api = await serve({}, { images });
  expect((await api.call('GET', '/v1.47/images/busybox/json')).json).toMatchObject({
    DockerVersion: '20.10.8',
  });
});

test('prune skips what was taken meanwhile', async () => {
  await using api = await serve(
    {
      containers: {
        remove: async () => {
          throw conflict('it runs now');
        },
      },
    },
    { containers: [sampleContainer()] },
  );
  expect((await api.call('POST', '/containers/prune')).json).toEqual({
    ContainersDeleted: null,
    SpaceReclaimed: 0,
  });
});

test('a wait that the client gave up does not disturb the server', async () => {
  const left = Promise.withResolvers<void>();
  await using api = await serve({
    containers: {
      wait: (_, __, options) =>
        new Promise((_resolve, reject) => {
          options?.registered?.();
          options?.signal?.addEventListener('abort', () => {
            reject(canceled('the client stopped waiting'));
            left.resolve();
          });
        }),
    },
  });
  const socket = createConnection(api.path);
  socket.write('POST /containers/x/wait HTTP/1.1\r\nHost: d\r\n\r\n');
  await new Promise((resolve) => socket.once('data', resolve));
  socket.destroy();
  await left.promise;
  expect((await api.call('GET', '/_ping')).text).toBe('OK');
});
