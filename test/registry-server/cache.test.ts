import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CachingRegistry, openCachingRegistry } from '../../src/engine/registry/cache/create-cache.ts';
import { parseUpstream } from '../../src/engine/registry/cache/upstreams.ts';
import { createRegistry } from '../../src/engine/registry/create-registry.ts';
import { silentLog } from '../../src/foundation/base/log.ts';
import { createRegistryServer } from '../../src/frontends/registry/registry-server.ts';
import type { RegistryCredentials } from '../../src/resources/distribution/distribution.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import { openFolderStore } from '../../src/resources/registry/folder-store.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import { missingPeers, type PeerRegistry, peerUser, startPeerRegistry } from '../registry/peer-registry.ts';
import { blobOf, type SampleImage, sampleImage } from '../registry/sample-image.ts';
import { skopeo, startEdge } from './edge-harness.ts';
import { codeOf, digestOf, pushBlob } from './harness.ts';

interface Cache extends AsyncDisposable {
  url: string;
  root: string;
  cache: CachingRegistry;
  clock: { now: number };
}

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

async function startCache(
  upstreams: string[],
  options: { credentials?: RegistryCredentials; limitBytes?: number; root?: string } = {},
): Promise<Cache> {
  const root = options.root ?? (await mkdtemp(join(tmpdir(), 'silo-cache-')));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const own = stack.use(new AsyncDisposableStack());
  const store = own.use(await openFolderStore(join(root, 'local')));
  const transport = own.use(createTransport());
  const clock = { now: Date.now() };
  const cache = own.use(
    await openCachingRegistry(createRegistry(store, { log: silentLog }), {
      root: join(root, 'cache'),
      upstreams: upstreams.map(parseUpstream),
      transport,
      accessTo: () => ({
        insecure: [],
        ...(options.credentials ? { credentials: options.credentials } : {}),
      }),
      log: silentLog,
      now: () => clock.now,
      ...(options.limitBytes === undefined ? {} : { limitBytes: options.limitBytes }),
    }),
  );
  const server = createRegistryServer(cache.registry, { log: silentLog });
  own.defer(() => server.close());
  const bound = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  return {
    url: `http://127.0.0.1:${bound.kind === 'tcp' ? bound.port : 0}`,
    root,
    cache,
    clock,
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  };
}

describe('a cache of a registry', () => {
  let upstream: HostileRegistry;
  const image = sampleImage();
  const large = randomBytes(3 << 20);
  beforeAll(async () => {
    upstream = stack.use(await startHostileRegistry());
    upstream.add('team/app', 'v1', image);
    upstream.add('team/large', 'v1', { documents: [], blobs: [blobOf('x', large)] });
  });
  afterEach(() => {
    upstream.behave();
    upstream.requests.length = 0;
  });

  const asked = (part: string, method?: string): number =>
    upstream.requests.filter((each) => each.path.includes(part) && (method ?? each.method) === each.method)
      .length;
  const layer = image.blobs.at(-1);
  const digest = layer?.digest ?? '';

  test('fetches once, and answers from then on by itself', async () => {
    const { url, cache } = await startCache([`mirror=${upstream.host}/team`]);
    for (let round = 0; round < 3; round++) {
      const answer = await fetch(`${url}/v2/mirror/app/manifests/v1`);
      expect(answer.headers.get('docker-content-digest')).toBe(image.documents[0]?.digest ?? '');
      const blob = await fetch(`${url}/v2/mirror/app/blobs/${digest}`);
      expect(digestOf(new Uint8Array(await blob.arrayBuffer()))).toBe(digest);
    }
    expect(asked('/manifests/', 'GET')).toBe(1);
    expect(asked('/blobs/', 'GET')).toBe(1);
    expect(cache.counts().toSorted((a, b) => (a.kind + a.result < b.kind + b.result ? -1 : 1))).toEqual([
      { kind: 'blob', result: 'hit', count: 2 },
      { kind: 'blob', result: 'miss', count: 1 },
      { kind: 'manifest', result: 'hit', count: 2 },
      { kind: 'manifest', result: 'miss', count: 1 },
    ]);
    expect(await (await fetch(`${url}/v2/_catalog`)).json()).toEqual({ repositories: ['mirror/app'] });
    const part = await fetch(`${url}/v2/mirror/app/blobs/${digest}`, { headers: { range: 'bytes=3-9' } });
    expect(part.status).toBe(206);
    expect(digestOf(new Uint8Array(await part.arrayBuffer()))).toBe(
      digestOf(layer?.bytes.subarray(3, 10) ?? ''),
    );
  });

  test('streams one download to all who want it', async () => {
    const { url, cache } = await startCache([upstream.host]);
    const wanted = digestOf(large);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    upstream.misbehave({
      path: '/blobs/',
      act({ request, response }) {
        response.writeHead(200, { 'content-length': large.length });
        if (request.method === 'HEAD') return void response.end();
        response.write(large.subarray(0, 2 << 20));
        void held.then(() => response.end(large.subarray(2 << 20)));
      },
    });
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => fetch(`${url}/v2/team/large/blobs/${wanted}`)),
    );
    // The beginning is there for each of them before the end has come.
    const readers = answers.map((answer) => answer.body?.getReader());
    const firsts = await Promise.all(readers.map(async (reader) => reader?.read()));
    expect(firsts.every((first) => (first?.value?.byteLength ?? 0) > 0)).toBe(true);
    release();
    for (const [index, reader] of readers.entries()) {
      const parts = [firsts[index]?.value ?? new Uint8Array()];
      for (let step = await reader?.read(); step && !step.done; step = await reader?.read())
        parts.push(step.value);
      expect(digestOf(Buffer.concat(parts))).toBe(wanted);
    }
    expect(asked('/blobs/', 'GET')).toBe(1);
    expect(cache.fetchedBytes()).toBe(large.length);
  });

  test('asks by HEAD whether a tag moved, and follows it', async () => {
    const { url, clock } = await startCache([upstream.host]);
    const tagOf = async () =>
      (await fetch(`${url}/v2/team/moving/manifests/v1`)).headers.get('docker-content-digest');
    const next = sampleImage({ layers: [{ a: 'b' }] });
    upstream.add('team/moving', 'v1', image);
    expect(await tagOf()).toBe(image.documents[0]?.digest ?? '');
    upstream.add('team/moving', 'v1', next);
    expect(await tagOf()).toBe(image.documents[0]?.digest ?? '');
    clock.now += 61_000;
    expect(await tagOf()).toBe(next.documents[0]?.digest ?? '');
    clock.now += 61_000;
    expect(await tagOf()).toBe(next.documents[0]?.digest ?? '');
    expect([asked('moving/manifests', 'HEAD'), asked('moving/manifests', 'GET')]).toEqual([2, 2]);
  });

  test('serves what it has while the upstream is gone', async () => {
    const gone = await startHostileRegistry();
    gone.add('team/app', 'v1', image);
    const { url, clock, cache } = await startCache([gone.host]);
    const read = () => fetch(`${url}/v2/team/app/manifests/v1`);
    expect((await read()).status).toBe(200);
    await (await fetch(`${url}/v2/team/app/blobs/${digest}`)).arrayBuffer();
    const signature = {
      mediaType: 'a/manifest',
      digest: digestOf('signature'),
      size: 9,
      artifactType: 'a/sig',
    };
    gone.misbehave({
      path: '/referrers/',
      act: ({ response }) =>
        void response
          .writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' })
          .end(JSON.stringify({ schemaVersion: 2, manifests: [signature] })),
    });
    const referrers = async (query = ''): Promise<unknown> => {
      const top = image.documents[0]?.digest ?? '';
      const answer = await fetch(`${url}/v2/team/app/referrers/${top}${query}`);
      return ((await answer.json()) as { manifests: unknown }).manifests;
    };
    expect(await referrers()).toEqual([signature]);
    await gone[Symbol.asyncDispose]();
    clock.now += 3_600_000;
    expect((await read()).status).toBe(200);
    expect((await fetch(`${url}/v2/team/app/blobs/${digest}`)).status).toBe(200);
    expect(await (await fetch(`${url}/v2/team/app/tags/list`)).json()).toEqual({
      name: 'team/app',
      tags: ['v1'],
    });
    expect(await referrers()).toEqual([signature]);
    expect(await referrers('?artifactType=a/other')).toEqual([]);
    expect((await fetch(`${url}/v2/team/app/manifests/other`)).status).toBe(503);
    expect(cache.counts()).toContainEqual({ kind: 'manifest', result: 'stale', count: 1 });
  });

  test('stores nothing that has the wrong digest, and no answer that ends well', async () => {
    const { url } = await startCache([upstream.host]);
    expect((await fetch(`${url}/v2/team/app/manifests/v1`)).status).toBe(200);
    upstream.misbehave({
      path: digest,
      act({ response, body, serve }) {
        if (body === undefined) return serve();
        const wrong = Buffer.from(body.bytes);
        wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
        response.writeHead(200, { 'content-length': wrong.length }).end(wrong);
      },
    });
    const read = async (): Promise<string> => {
      const answer = await fetch(`${url}/v2/team/app/blobs/${digest}`);
      return digestOf(new Uint8Array(await answer.arrayBuffer()));
    };
    expect(await read().catch(() => 'it broke off')).toBe('it broke off');
    upstream.behave();
    expect(await read()).toBe(digest);
    upstream.misbehave({
      path: '/manifests/',
      act: ({ response }) =>
        void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>log in</h1>'),
    });
    expect((await fetch(`${url}/v2/team/app/manifests/v2`)).status).toBe(503);
  });

  test('tells a refusal of the upstream as such, also of what a manifest has announced', async () => {
    const { url } = await startCache([upstream.host]);
    expect((await fetch(`${url}/v2/team/app/manifests/v1`)).status).toBe(200);
    upstream.misbehave({ path: digest, act: ({ response }) => void response.writeHead(404).end() });
    expect(await codeOf(await fetch(`${url}/v2/team/app/blobs/${digest}`))).toBe('404 BLOB_UNKNOWN');
  });

  test('gives a blob only to those repositories that have it upstream', async () => {
    const { url } = await startCache([upstream.host]);
    await fetch(`${url}/v2/team/app/manifests/v1`);
    expect((await fetch(`${url}/v2/team/app/blobs/${digest}`)).status).toBe(200);
    upstream.misbehave({
      path: '/v2/other/',
      act: ({ response }) => void response.writeHead(404).end(),
    });
    expect(await codeOf(await fetch(`${url}/v2/other/app/blobs/${digest}`))).toBe('404 BLOB_UNKNOWN');
    const top = image.documents[0]?.digest ?? '';
    await fetch(`${url}/v2/team/app/manifests/v1`);
    expect(await codeOf(await fetch(`${url}/v2/other/app/manifests/${top}`))).toBe('404 MANIFEST_UNKNOWN');
  });

  test('never forwards what a client sends of itself', async () => {
    const guarded = stack.use(
      await startHostileRegistry({ authentication: { kind: 'basic', username: 'cache', password: 'own' } }),
    );
    guarded.add('team/app', 'v1', image);
    const { url } = await startCache([guarded.host], { credentials: { username: 'cache', password: 'own' } });
    const headers = {
      authorization: 'Basic Y2xpZW50OnNlY3JldA==',
      cookie: 'a=b',
      'x-forwarded-for': '1.2.3.4',
    };
    expect((await fetch(`${url}/v2/team/app/manifests/v1`, { headers })).status).toBe(200);
    const sent = guarded.requests.map((each) => JSON.stringify(each.headers)).join('\n');
    expect(sent).not.toMatch(/Y2xpZW50OnNlY3JldA|a=b|1\.2\.3\.4/);
    const stranger = await startCache([guarded.host]);
    expect(await codeOf(await fetch(`${stranger.url}/v2/team/app/manifests/v1`))).toBe(
      '404 MANIFEST_UNKNOWN',
    );
  });

  test.each(['lost', 'damaged'])('knows after a restart what it has, when its index was %s', async (how) => {
    const before = await startCache([upstream.host]);
    const read = async ({ url }: Cache): Promise<number> => {
      await fetch(`${url}/v2/team/app/manifests/v1`);
      const answer = await fetch(`${url}/v2/team/app/blobs/${digest}`);
      expect(digestOf(new Uint8Array(await answer.arrayBuffer()))).toBe(digest);
      return answer.status;
    };
    expect(await read(before)).toBe(200);
    await before[Symbol.asyncDispose]();
    const database = join(before.root, 'cache', 'cache.db');
    for (const suffix of ['', '-wal', '-shm']) await rm(database + suffix, { force: true });
    if (how === 'damaged') await writeFile(database, randomBytes(100_000));
    upstream.requests.length = 0;
    const after = await startCache([upstream.host], { root: before.root });
    upstream.misbehave({
      path: digest,
      act: ({ body, response }) =>
        void response.writeHead(200, { 'content-length': body?.bytes.length }).end(),
    });
    expect(await read(after)).toBe(200);
    expect(asked(digest, 'GET')).toBe(0);
  });

  test('cannot be pushed to, while the rest of the registry can', async () => {
    const { url } = await startCache([`mirror=${upstream.host}`]);
    const start = await fetch(`${url}/v2/mirror/app/blobs/uploads/`, { method: 'POST' });
    expect(await codeOf(start)).toBe('405 UNSUPPORTED');
    const own = await pushBlob(url, 'own/app', 'mine');
    expect((await fetch(`${url}/v2/own/app/blobs/${own.digest}`)).status).toBe(200);
    expect(await codeOf(await fetch(`${url}/v2/own/app/blobs/${digest}`))).toBe('404 BLOB_UNKNOWN');
  });

  test('keeps to its limit by removing what was not used for the longest time', async () => {
    const images: SampleImage[] = [1, 2, 3].map((seed) =>
      sampleImage({ layers: [{ noise: Buffer.alloc(50_000, randomBytes(50_000)), seed: String(seed) }] }),
    );
    for (const [index, each] of images.entries()) upstream.add(`full/app${index}`, 'v1', each);
    const { url, clock } = await startCache([upstream.host], { limitBytes: 120_000 });
    const read = async (index: number): Promise<void> => {
      const wanted = images[index]?.blobs.at(-1)?.digest ?? '';
      clock.now += 1000;
      await fetch(`${url}/v2/full/app${index}/manifests/v1`);
      await (await fetch(`${url}/v2/full/app${index}/blobs/${wanted}`)).arrayBuffer();
    };
    for (const index of [0, 1, 0, 2, 0]) await read(index);
    expect(asked('full/app0/blobs', 'GET')).toBe(1);
    await read(1);
    expect(asked('full/app1/blobs', 'GET')).toBe(2);
  });
});

test('an upstream is read strictly', () => {
  expect(parseUpstream('hub=docker.io')).toEqual({ prefix: 'hub', host: 'docker.io', path: '' });
  expect(parseUpstream('127.0.0.1:5000/team/x')).toEqual({
    prefix: '',
    host: '127.0.0.1:5000',
    path: 'team/x',
  });
  for (const bad of ['', 'x', 'a=b=c', 'Hub=docker.io', 'hub=https://docker.io', 'hub=docker.io/../x'])
    expect(() => parseUpstream(bad)).toThrow('names no upstream registry');
});

const missing = missingPeers();
if (missing.length > 0) console.log(`skipped: ${missing.join(' and ')} not installed`);

describe.skipIf(missing.length > 0)('a cache of docker-registry', () => {
  let peer: PeerRegistry;
  beforeAll(async () => {
    peer = stack.use(await startPeerRegistry({ password: true }));
    await peer.push('team/app:v1', sampleImage());
  });

  test('is pulled from by skopeo, with the account of the configuration', async () => {
    const auth = Buffer.from(`${peerUser.username}:${peerUser.password}`).toString('base64');
    const auths = JSON.stringify({ auths: { [peer.host]: { auth } } });
    const edge = stack.use(
      await startEdge(
        { 'pull-through': [`hub=${peer.host}`], 'pull-through-auths': '@auths', metrics: true },
        { auths },
      ),
    );
    const target = join(edge.folder, 'copy');
    const copied = await skopeo(
      'copy',
      '--all',
      '--src-tls-verify=false',
      `docker://${edge.host}/hub/team/app:v1`,
      `oci:${target}:v1`,
    );
    expect(copied).toMatchObject({ code: 0 });
    const listed = await fetch(`${edge.url}/v2/hub/team/app/tags/list`);
    expect(await listed.json()).toEqual({ name: 'hub/team/app', tags: ['v1'] });
    const text = await (await fetch(`${edge.url}/metrics`)).text();
    expect(text).toMatch(/silo_registry_cache_requests_total\{kind="blob",result="miss"\} \d/);
    expect(text).toMatch(/silo_registry_cache_fetched_bytes_total [1-9]/);
  });
});
