import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { findLeftovers, storeContents } from '../crash/whole.ts';
import { runnableImage, skipReason } from '../crash/world.ts';
import { imageOf, layerOf } from '../images/samples.ts';
import { type Act, type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import * as misbehaviours from '../registry/misbehaviours.ts';
import { digestOf, type SampleImage, tarOf } from '../registry/sample-image.ts';
import { eventually } from './footprint.ts';
import { programs, startEngine, type TestEngine } from './harness.ts';
import { ask, bootstrapBusybox, create, exists, inspect, launch, logs, remove } from './objects.ts';
import { rawRequest, upgrade } from './raw-request.ts';

if (skipReason) console.log(`skipped: bad input: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('bad input', () => {
  let engine: TestEngine;
  let registry: HostileRegistry;
  let store: string[];
  beforeAll(async () => {
    registry = await startHostileRegistry();
    engine = await startEngine();
    await bootstrapBusybox(engine);
    store = storeContents(engine);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    registry.behave();
    const all = await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1');
    for (const { Id } of all) await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
  });
  const failure = async (method: string, path: string, body?: unknown): Promise<[number, string]> => {
    const { status, text } = await engine.api(method, path, body);
    return [status, (JSON.parse(text || '{"message":""}') as { message: string }).message];
  };

  describe('in a request to create', () => {
    test.each<[string, number, RegExp, unknown]>([
      ['an unknown image', 404, /No such image: nosuch:latest/, { Image: 'nosuch' }],
      ['a reference in capitals', 400, /invalid reference format/, { Image: 'BusyBox' }],
      ['nothing', 400, /config cannot be empty/, {}],
      ['a volume that is no path', 400, /invalid/, { Image: 'busybox', HostConfig: { Binds: ['a:b:c:d'] } }],
      [
        'a container to share the network of that is not there',
        400,
        /No such container: nosuch/,
        { Image: 'busybox', Cmd: ['true'], HostConfig: { NetworkMode: 'container:nosuch' } },
      ],
      ['a body that is no JSON object', 400, /./, 'text'],
    ])('%s', async (_what, status, words, body) => {
      const [answered, message] = await failure('POST', '/containers/create?name=bad', body);
      expect([answered, message]).toEqual([status, expect.stringMatching(words)]);
      expect(await exists(engine, '/containers/bad/json')).toBe(false);
    });

    test('a name that is taken, and one that cannot be a name', async () => {
      const body = { Image: 'busybox', Cmd: ['true'] };
      const id = await create(engine, 'taken', body);
      const [status, message] = await failure('POST', '/containers/create?name=taken', body);
      expect(status).toBe(409);
      expect(message).toContain(`The container name "/taken" is already in use by container "${id}"`);
      expect((await failure('POST', '/containers/create?name=a%2Fb', body))[0]).toBe(400);
      await remove(engine, 'taken');
      await create(engine, 'taken', body);
    });

    test('that failed leaves no anonymous volume and keeps no name', async () => {
      const body = {
        Image: 'busybox',
        Cmd: ['true'],
        Volumes: { '/scratch': {} },
        HostConfig: { Mounts: [{ Type: 'bind', Source: '/no/such/folder', Target: '/x' }] },
      };
      expect((await failure('POST', '/containers/create?name=again', body))[0]).toBe(400);
      expect(await findLeftovers(engine)).toEqual([]);
      await create(engine, 'again', { Cmd: ['true'] });
    });
  });

  describe('that only the start finds', () => {
    const start = (name: string): Promise<[number, string]> => failure('POST', `/containers/${name}/start`);

    test.each<[string, number, RegExp, Record<string, unknown>]>([
      ['a command that is not there', 127, /"nosuch".*not found|no such file/, { Cmd: ['nosuch'] }],
      ['a path that is not there', 127, /no such file or directory/, { Cmd: ['/no/such'] }],
      ['a command that is not executable', 126, /permission denied/i, { Cmd: ['/etc/passwd'] }],
      ['a folder as the command', 126, /permission denied|is a directory/i, { Cmd: ['/etc'] }],
      [
        'a file as the working directory',
        126,
        /\/etc\/passwd.*not a directory/i,
        { Cmd: ['true'], WorkingDir: '/etc/passwd' },
      ],
    ])('%s', async (_what, code, words, body) => {
      await create(engine, 'bad', body);
      const [status, message] = await start('bad');
      expect([status >= 400, message]).toEqual([true, expect.stringMatching(words)]);
      const { State } = await inspect(engine, 'bad');
      expect(State).toMatchObject({ Status: 'created', Running: false, Pid: 0, ExitCode: code });
      expect(State.Error).toMatch(words);
    });

    test.each<[string, string, RegExp]>([
      ['an unknown user', 'nosuch', /unable to find user nosuch/],
      ['an unknown group', '0:nosuch', /unable to find group nosuch/],
      ['a user id beyond 2^31', '4294967296', /uid|user|range/i],
      ['a negative user id', '-1', /uid|user|range/i],
    ])('%s', async (_what, user, words) => {
      await create(engine, 'bad', { Cmd: ['true'], User: user });
      const [status, message] = await start('bad');
      expect([status >= 400, message]).toEqual([true, expect.stringMatching(words)]);
      expect((await inspect(engine, 'bad')).State.Running).toBe(false);
    });

    test('a missing working directory is made, as Docker does', async () => {
      await launch(engine, 'made', { Cmd: ['pwd'], WorkingDir: '/not/there/yet' });
      await ask(engine, 'POST', '/containers/made/wait');
      expect(await logs(engine, 'made')).toBe('/not/there/yet\n');
    });

    test('a port that another container has', async () => {
      const port = await freePort();
      const HostConfig = { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } };
      await launch(engine, 'first', { Cmd: ['sleep', '600'], HostConfig });
      await create(engine, 'second', { Cmd: ['sleep', '600'], HostConfig });
      expect((await start('second'))[1]).toContain('port is already allocated');
      expect((await inspect(engine, 'second')).State).toMatchObject({ Status: 'created', Running: false });
      await remove(engine, 'first');
      expect((await start('second'))[0]).toBe(204);
    });

    test('a port on which a stranger listens, until it stops', async () => {
      const stranger = createServer().listen(0, '127.0.0.1');
      await once(stranger, 'listening');
      const { port } = stranger.address() as AddressInfo;
      const HostConfig = { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } };
      await create(engine, 'guest', { Cmd: ['sleep', '600'], HostConfig });
      const [status, message] = await start('guest');
      expect([status >= 400, message]).toEqual([true, expect.stringMatching(/already (in use|allocated)/)]);
      expect(await findLeftovers(engine)).toEqual([]);
      stranger.close();
      await once(stranger, 'close');
      expect((await start('guest'))[0]).toBe(204);
    });
  });

  describe('gives the exit codes that scripts know', () => {
    test.each<[string, number, string[], RegExp]>([
      ['an unknown command', 127, ['run', '--rm', 'busybox', 'nosuch'], /not found|no such file/],
      ['a file that is no program', 126, ['run', '--rm', 'busybox', '/etc/passwd'], /permission denied/i],
      ['a bad reference', 125, ['run', '--rm', 'BUSYBOX', 'true'], /invalid reference format/],
      ['an unknown flag value', 125, ['run', '--rm', '--memory', 'lots', 'busybox', 'true'], /invalid/],
      ['a program’s own code', 42, ['run', '--rm', 'busybox', 'sh', '-c', 'exit 42'], /^$/],
      ['a signal', 137, ['run', '--rm', 'busybox', 'sh', '-c', `sh -c 'kill -9 $$'; exit $?`], /^$|Killed/],
    ])(
      '%s',
      async (_what, code, args, words) => {
        for (const program of programs) {
          const result = await engine[program](...args);
          expect([program, result.code, result.stderr]).toEqual([
            program,
            code,
            expect.stringMatching(words),
          ]);
        }
        const all = await ask<unknown[]>(engine, 'GET', '/containers/json?all=1');
        expect(all).toEqual([]);
      },
      30_000,
    );

    test('exec: not found, not executable, own code, a container that does not run', async () => {
      await launch(engine, 'host', { Cmd: ['sleep', '600'] });
      await create(engine, 'idle', { Cmd: ['true'] });
      for (const program of programs) {
        const codes = await Promise.all(
          [['nosuch'], ['/etc/passwd'], ['sh', '-c', 'exit 33']].map((words) =>
            engine[program]('exec', 'host', ...words),
          ),
        );
        // 126 for a program that is not there, too: so the real engine answers.
        expect([program, codes.map(({ code }) => code)]).toEqual([program, [126, 126, 33]]);
        const idle = await engine[program]('exec', 'idle', 'true');
        expect([program, idle.code, idle.stderr]).toEqual([
          program,
          1,
          expect.stringMatching(/is not running/),
        ]);
      }
    }, 30_000);
  });

  describe('from a registry', () => {
    const pull = async (name: string): Promise<{ status: number; text: string }> =>
      engine.api('POST', `/images/create?fromImage=${encodeURIComponent(`${registry.host}/${name}`)}&tag=1`);
    const expectRefused = async (name: string, words: RegExp): Promise<void> => {
      const { status, text } = await pull(name);
      expect([status >= 400 || text.includes('"errorDetail"'), text]).toEqual([
        true,
        expect.stringMatching(words),
      ]);
      expect(await exists(engine, `/images/${registry.host}/${name}:1/json`)).toBe(false);
      // What came before a failure that may pass stays for the next attempt, until somebody asks for the room.
      await ask(engine, 'POST', `/images/prune?filters=${encodeURIComponent('{"dangling":["true"]}')}`);
      expect(storeContents(engine)).toEqual(store);
    };
    const escape = layerOf({ fine: 'fine', '../../../../../../tmp/silo-escaped': 'escaped' });
    const noGzip = { bytes: Buffer.from('this is no gzip'), diffId: digestOf(Buffer.from('x')) };
    const noTar = { bytes: gzipSync(Buffer.alloc(2048, 'x')), diffId: digestOf(Buffer.alloc(2048, 'x')) };
    const bomb = gzipSync(Buffer.alloc(200 << 20), { level: 9 });

    test.each<[string, RegExp, SampleImage]>([
      ['a layer that is no gzip', /corrupt|invalid|gzip|archive/i, imageOf([noGzip])],
      ['a layer that is no archive', /archive|tar|header/i, imageOf([noTar])],
      [
        'a layer that is cut off',
        /gzip|end|truncated|archive/i,
        imageOf([
          {
            ...layerOf({ a: 'a'.repeat(90_000) }),
            bytes: layerOf({ a: randomBytes(90_000) }).bytes.subarray(0, 40_000),
          },
        ]),
      ],
      [
        'a layer with another diff id',
        /the image's configuration says sha256:/,
        imageOf([{ ...layerOf({ a: 'a' }), diffId: digestOf(Buffer.from('b')) }]),
      ],
      [
        'a bomb',
        /expan|larg|big|ratio|bomb/i,
        imageOf([{ bytes: bomb, diffId: digestOf(Buffer.from('b')) }]),
      ],
    ])(
      '%s is refused, and nothing stays',
      async (_what, words, image) => {
        registry.add('corrupt', '1', image);
        await expectRefused('corrupt', words);
      },
      30_000,
    );

    test('a layer that climbs stays inside', async () => {
      registry.add('climbing', '1', imageOf([escape]));
      await pull('climbing');
      expect(existsSync('/tmp/silo-escaped')).toBe(false);
      await engine.api('DELETE', `/images/${registry.host}/climbing:1`);
      expect(storeContents(engine)).toEqual(store);
    });

    test.each<[string, RegExp, { path: string; act: Act }]>([
      ['an unknown image', /not found|unknown|denied/i, { path: '/nothing/', act: misbehaviours.hang }],
      [
        '401',
        /no basic auth credentials|unauthorized/i,
        { path: '/manifests/', act: misbehaviours.answer(401) },
      ],
      ['404', /not found|unknown|404/i, { path: '/manifests/', act: misbehaviours.answer(404) }],
      [
        '429 with a pause that is too long',
        /toomanyrequests|too many|rate/i,
        { path: '/manifests/', act: misbehaviours.answer(429, '', { 'retry-after': '3600' }) },
      ],
      [
        'a web page',
        /text\/html|media type|manifest|unexpected/i,
        { path: '/manifests/', act: misbehaviours.webPage },
      ],
      [
        'an endless manifest',
        /large|limit|big|bytes/i,
        {
          path: '/manifests/',
          act: misbehaviours.endless('application/vnd.oci.image.manifest.v1+json', '{'),
        },
      ],
      ['a blob with other bytes', /digest|match/i, { path: '/blobs/', act: misbehaviours.wrongBytes }],
      [
        'a blob that is too long',
        /size|length|digest|bytes/i,
        { path: '/blobs/', act: misbehaviours.wrongLength(1000) },
      ],
      ['a redirect for ever', /redirect/i, { path: '/blobs/', act: misbehaviours.redirectLoop }],
    ])(
      '%s is told, and nothing stays',
      async (what, words, rule) => {
        if (what !== 'an unknown image') registry.add('app', '1', runnableImage());
        registry.misbehave(rule);
        await expectRefused(what === 'an unknown image' ? 'unknown' : 'app', words);
      },
      30_000,
    );

    test('500 is told after some tries', async () => {
      registry.add('app', '1', runnableImage());
      registry.misbehave({ path: '/manifests/', act: misbehaviours.answer(500, 'out of order') });
      await expectRefused('app', /500|Internal Server Error/);
      expect(registry.requests.filter(({ path }) => path.includes('/app/manifests/')).length).toBeGreaterThan(
        1,
      );
    }, 30_000);

    test('that hangs holds nobody up, and a client that leaves it ends the pull', async () => {
      registry.add('app', '1', runnableImage());
      registry.misbehave({ path: '/blobs/', act: misbehaviours.hang });
      const pulling = rawRequest(engine.socket, {
        method: 'POST',
        path: `/images/create?fromImage=${encodeURIComponent(`${registry.host}/app`)}&tag=1`,
      });
      expect(await eventually(() => registry.requests.some(({ path }) => path.includes('/app/blobs/')))).toBe(
        true,
      );
      expect((await engine.api('GET', '/containers/json')).status).toBe(200);
      pulling[Symbol.dispose]();
      registry.behave();
      const { text } = await pull('app');
      expect(text).not.toContain('errorDetail');
      await ask(engine, 'DELETE', `/images/${registry.host}/app:1`);
      expect(storeContents(engine)).toEqual(store);
    }, 30_000);

    test('a client that leaves in the middle of a layer leaves nothing half-made, and the next goes on', async () => {
      registry.add('large', '1', imageOf([layerOf({ noise: randomBytes(3_000_000) })]));
      registry.misbehave({ path: '/blobs/', times: 2, act: misbehaviours.stalled(1_000_000) });
      const pulling = rawRequest(engine.socket, {
        method: 'POST',
        path: `/images/create?fromImage=${encodeURIComponent(`${registry.host}/large`)}&tag=1`,
      });
      await pulling.until('Downloading');
      pulling[Symbol.dispose]();
      expect(await findLeftovers(engine)).toEqual([]);
      registry.behave();
      expect((await pull('large')).text).not.toContain('errorDetail');
      await ask(engine, 'DELETE', `/images/${registry.host}/large:1`);
      expect(storeContents(engine)).toEqual(store);
    }, 30_000);
  });

  describe('from an archive', () => {
    const load = async (body: Buffer): Promise<[number, string]> => {
      const response = await fetch('http://localhost/images/load', {
        method: 'POST',
        unix: engine.socket,
        body: new Uint8Array(body),
        headers: { 'Content-Type': 'application/x-tar' },
        signal: AbortSignal.timeout(30_000),
      });
      return [response.status, await response.text()];
    };

    test.each<[string, Buffer]>([
      ['text', Buffer.from('this is no archive')],
      ['an archive of something else', tarOf({ 'readme.txt': 'hello' })],
      [
        'a manifest that names what is not there',
        tarOf({ 'manifest.json': '[{"Config":"a.json","RepoTags":["x:1"],"Layers":["b.tar"]}]' }),
      ],
      [
        'a manifest that names the host’s files',
        tarOf({
          'manifest.json':
            '[{"Config":"../../../../etc/passwd","RepoTags":["x:1"],"Layers":["/etc/shadow"]}]',
        }),
      ],
    ])('%s is refused, and nothing stays', async (_what, body) => {
      const [status, text] = await load(body);
      expect([status >= 400 || text.includes('"errorDetail"'), text]).toEqual([true, expect.any(String)]);
      expect(await exists(engine, '/images/x:1/json')).toBe(false);
      expect(storeContents(engine)).toEqual(store);
    });

    test('a client that leaves in the middle leaves nothing', async () => {
      const loading = rawRequest(engine.socket, {
        method: 'POST',
        path: '/images/load',
        headers: { 'Content-Type': 'application/x-tar', 'Content-Length': '50000000' },
      });
      const noise = tarOf({ 'blobs/sha256/aa': randomBytes(2_000_000) });
      await new Promise((resolve) => loading.socket.write(noise.subarray(0, 1_500_000), resolve));
      loading[Symbol.dispose]();
      expect(await findLeftovers(engine)).toEqual([]);
      expect(storeContents(engine)).toEqual(store);
      expect((await engine.api('GET', '/_ping')).status).toBe(200);
    });
  });

  test('a client that leaves an attach takes neither the container nor its input with it', async () => {
    await launch(engine, 'talker', { Cmd: ['cat'], OpenStdin: true });
    const attach = (): ReturnType<typeof rawRequest> =>
      rawRequest(engine.socket, {
        method: 'POST',
        path: '/containers/talker/attach?stream=1&stdin=1&stdout=1&stderr=1',
        headers: upgrade,
      });
    const first = attach();
    await first.until('\r\n\r\n');
    first.socket.write('one\n');
    await first.until('one\n');
    first.socket.resetAndDestroy();
    using second = attach();
    await second.until('\r\n\r\n');
    second.socket.write('two\n');
    await second.until('two\n');
    expect((await inspect(engine, 'talker')).State.Running).toBe(true);
    expect(await logs(engine, 'talker')).toBe('one\ntwo\n');
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
