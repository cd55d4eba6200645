import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { type SiloError, toSiloError } from '../../src/foundation/base/errors.ts';
import type { Descriptor } from '../../src/foundation/oci/descriptor.ts';
import { parseDigest } from '../../src/foundation/oci/digest.ts';
import { parsePlatform } from '../../src/foundation/oci/platform.ts';
import { parseReference, type Reference } from '../../src/foundation/oci/reference.ts';
import type { RegistryAccess, RegistryClient } from '../../src/resources/distribution/distribution.ts';
import { createRegistryClient } from '../../src/resources/distribution/registry-client.ts';
import { fetchSmallBlob, resolveImage } from '../../src/resources/distribution/resolve-image.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import {
  type Act,
  type HostileOptions,
  type HostileRegistry,
  startHostileRegistry,
} from './hostile-registry.ts';
import * as bad from './misbehaviours.ts';
import { blobOf, sampleImage, sampleIndex } from './sample-image.ts';

const retry = { attempts: 3, baseMs: 1, maximumWaitMs: 2000 };
const transport = createTransport({ headersMs: 150, idleMs: 150 });
afterAll(() => transport[Symbol.dispose]());

const image = sampleImage();
const [manifest] = image.documents;
const layer = image.blobs[1];
if (!manifest || !layer) throw new Error('the sample image is incomplete');
const descriptor: Descriptor = {
  mediaType: layer.mediaType,
  digest: parseDigest(layer.digest),
  size: layer.bytes.byteLength,
};

function client(access: Partial<RegistryAccess> = {}): RegistryClient {
  return createRegistryClient({ transport, access: { insecure: [], ...access }, retry, bodyDeadlineMs: 200 });
}

async function start(options: HostileOptions = {}): Promise<HostileRegistry> {
  const registry = await startHostileRegistry(options);
  registry.add('team/app', 'v1', image);
  return registry;
}

async function failure(work: Promise<unknown>): Promise<SiloError> {
  return toSiloError(
    await work.then(
      () => new Error('it succeeded'),
      (error: unknown) => error,
    ),
  );
}

async function collect(work: ReturnType<RegistryClient['blob']>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await work).body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a good registry', () => {
  let registry: HostileRegistry;
  beforeAll(async () => void (registry = await start()));
  afterEach(() => registry.behave());
  afterAll(() => registry[Symbol.asyncDispose]());
  const name = (tag = 'v1'): ReturnType<typeof parseReference> =>
    parseReference(`${registry.host}/team/app:${tag}`);

  test('serves manifest, configuration and layers', async () => {
    const found = await client().manifest(name());
    expect(found).toMatchObject({ digest: parseDigest(manifest.digest), mediaType: manifest.mediaType });
    const byDigest = await client().manifest(parseReference(`${registry.host}/team/app@${manifest.digest}`));
    expect(Buffer.from(byDigest.bytes)).toEqual(manifest.bytes);
    expect(await collect(client().blob(name(), descriptor, { offset: 0 }))).toEqual(layer.bytes);
  });

  test('serves the rest of a blob', async () => {
    const { startsAt } = await client().blob(name(), descriptor, { offset: 10 });
    expect(startsAt).toBe(10);
    expect(await collect(client().blob(name(), descriptor, { offset: 10 }))).toEqual(
      layer.bytes.subarray(10),
    );
  });

  test('that ignores the range is told from one that does not', async () => {
    registry.misbehave({ path: '/blobs/', act: bad.ignoreRange });
    expect((await client().blob(name(), descriptor, { offset: 10 })).startsAt).toBe(0);
    registry.behave();
    registry.misbehave({ path: '/blobs/', act: bad.answer(416), times: 1 });
    expect((await client().blob(name(), descriptor, { offset: 10 })).startsAt).toBe(0);
  });

  test('is found by platform through an index', async () => {
    const arm = sampleImage({ architecture: 'arm64' });
    const index = sampleIndex({
      'linux/arm64/v8': arm,
      'linux/amd64': sampleImage({ architecture: 'amd64' }),
    });
    registry.add('team/multi', 'v1', index);
    const reference = parseReference(`${registry.host}/team/multi:v1`);
    const resolved = await resolveImage({
      client: client(),
      reference,
      platform: parsePlatform('linux/arm64'),
    });
    expect(resolved.documents.map(({ digest }) => String(digest))).toEqual([
      index.documents[0]?.digest ?? '',
      arm.documents[0]?.digest ?? '',
    ]);
    const config = await fetchSmallBlob({
      client: client(),
      reference,
      descriptor: resolved.manifest.config,
      limitBytes: 10_000,
    });
    expect(JSON.parse(Buffer.from(config).toString())).toMatchObject({ architecture: 'arm64' });
    const none = await failure(
      resolveImage({ client: client(), reference, platform: parsePlatform('linux/s390x') }),
    );
    expect(none).toMatchObject({ kind: 'not-found', code: 'no-matching-platform' });
  });

  test('answers an unknown tag with the words that clients know', async () => {
    expect(await failure(client().manifest(name('v2')))).toMatchObject({
      kind: 'not-found',
      message: `manifest for ${registry.host}/team/app:v2 not found: manifest unknown: manifest unknown`,
    });
  });

  test('that stumbles is asked again', async () => {
    for (const act of [
      bad.answer(500),
      bad.answer(503),
      bad.resetConnection,
      bad.answer(429, '', { 'retry-after': '0' }),
    ]) {
      registry.misbehave({ path: '/manifests/', act, times: 2 });
      expect((await client().manifest(name())).digest).toBe(parseDigest(manifest.digest));
    }
  });

  test('that asks for a pause gets it, unless it is too long', async () => {
    registry.misbehave({ path: '/manifests/', act: bad.answer(429, '', { 'retry-after': '1' }), times: 1 });
    const begin = performance.now();
    await client().manifest(name());
    expect(performance.now() - begin).toBeGreaterThan(950);
    registry.misbehave({ path: '/manifests/', act: bad.answer(429, '', { 'retry-after': '3600' }) });
    const error = await failure(client().manifest(name()));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'too-many-requests' });
    expect(error.hint).toContain('3600');
  });

  test('requests can be canceled while they wait', async () => {
    const stop = new AbortController();
    registry.misbehave({
      path: '/manifests/',
      act: () => stop.abort(),
    });
    expect(await failure(client().manifest(name(), stop.signal))).toMatchObject({ kind: 'canceled' });
    expect(await failure(client().manifest(name(), stop.signal))).toMatchObject({ kind: 'canceled' });
  });

  const misdeeds: { title: string; path: '/manifests/' | '/blobs/'; act: Act; kind: string; code: string }[] =
    [
      {
        title: '500',
        path: '/manifests/',
        act: bad.answer(500, 'oops'),
        kind: 'unavailable',
        code: 'registry-failure',
      },
      { title: '403', path: '/manifests/', act: bad.answer(403), kind: 'forbidden', code: 'forbidden' },
      {
        title: '404 without a code',
        path: '/manifests/',
        act: bad.answer(404),
        kind: 'not-found',
        code: 'not-found',
      },
      {
        title: 'denied',
        path: '/manifests/',
        act: bad.refuse(401, 'DENIED', 'x', { 'www-authenticate': 'Nothing' }),
        kind: 'unauthorized',
        code: 'no-credentials',
      },
      {
        title: 'denied by 403',
        path: '/manifests/',
        act: bad.refuse(403, 'DENIED', 'x'),
        kind: 'not-found',
        code: 'access-denied',
      },
      {
        title: 'too many requests',
        path: '/manifests/',
        act: bad.refuse(429, 'TOOMANYREQUESTS', 'slow down'),
        kind: 'unavailable',
        code: 'too-many-requests',
      },
      {
        title: 'a web page',
        path: '/manifests/',
        act: bad.webPage,
        kind: 'unavailable',
        code: 'not-a-registry',
      },
      {
        title: 'a web page as blob',
        path: '/blobs/',
        act: bad.webPage,
        kind: 'unavailable',
        code: 'not-a-registry',
      },
      {
        title: 'an endless manifest',
        path: '/manifests/',
        act: bad.endless(manifest.mediaType),
        kind: 'corrupt',
        code: 'too-long',
      },
      {
        title: 'an endless blob',
        path: '/blobs/',
        act: bad.endless('application/octet-stream'),
        kind: 'corrupt',
        code: 'size-mismatch',
      },
      {
        title: 'an endless error',
        path: '/manifests/',
        act: ({ response }) => {
          response.writeHead(400);
          bad.endless('text/plain')({
            response: Object.assign(response, { writeHead: () => response }),
          } as never);
        },
        kind: 'invalid',
        code: 'invalid',
      },
      {
        title: 'a longer blob',
        path: '/blobs/',
        act: bad.wrongLength(1),
        kind: 'corrupt',
        code: 'size-mismatch',
      },
      {
        title: 'a shorter blob',
        path: '/blobs/',
        act: bad.wrongLength(-1),
        kind: 'corrupt',
        code: 'size-mismatch',
      },
      {
        title: 'a truncated manifest',
        path: '/manifests/',
        act: bad.truncated(20),
        kind: 'unavailable',
        code: 'connection-lost',
      },
      {
        title: 'a truncated blob',
        path: '/blobs/',
        act: bad.truncated(20),
        kind: 'unavailable',
        code: 'connection-lost',
      },
      {
        title: 'other manifest bytes',
        path: '/manifests/',
        act: ({ response, body }) => {
          const bytes = Buffer.concat([body?.bytes ?? Buffer.alloc(0), Buffer.from(' ')]);
          response.writeHead(200, { 'docker-content-digest': body?.digest ?? '' }).end(bytes);
        },
        kind: 'corrupt',
        code: 'digest-mismatch',
      },
      { title: 'silence', path: '/manifests/', act: bad.hang, kind: 'timeout', code: 'no-answer' },
      {
        title: 'silence in a blob',
        path: '/blobs/',
        act: bad.stalled(5),
        kind: 'timeout',
        code: 'connection-stalled',
      },
      { title: 'a slow drip', path: '/manifests/', act: bad.drip(20), kind: 'timeout', code: 'too-slow' },
      {
        title: 'a redirect loop',
        path: '/manifests/',
        act: bad.redirectLoop,
        kind: 'unavailable',
        code: 'too-many-redirects',
      },
      {
        title: 'a redirect to a file',
        path: '/blobs/',
        act: bad.redirect('file:///etc/passwd'),
        kind: 'unavailable',
        code: 'bad-redirect',
      },
      {
        title: 'a redirect with a password',
        path: '/blobs/',
        act: bad.redirect('https://a:b@example.com/'),
        kind: 'unavailable',
        code: 'bad-redirect',
      },
      {
        title: 'a redirect to nowhere',
        path: '/blobs/',
        act: bad.redirect('http://['),
        kind: 'unavailable',
        code: 'bad-redirect',
      },
      {
        title: 'a redirect to the metadata service',
        path: '/blobs/',
        act: bad.redirect('http://169.254.169.254/latest/'),
        kind: 'forbidden',
        code: 'reserved-address',
      },
      {
        title: 'the same in IPv6 clothes',
        path: '/blobs/',
        act: bad.redirect('http://[::ffff:169.254.169.254]/'),
        kind: 'forbidden',
        code: 'reserved-address',
      },
      {
        title: 'the same as a number',
        path: '/blobs/',
        act: bad.redirect('http://2852039166/'),
        kind: 'forbidden',
        code: 'reserved-address',
      },
      {
        title: 'a compressed transfer',
        path: '/blobs/',
        act: bad.gzipEncoded,
        kind: 'corrupt',
        code: 'content-encoding',
      },
    ];
  for (const { title, path, act, kind, code } of misdeeds) {
    test(`that answers with ${title} gives ${kind} (${code})`, async () => {
      registry.misbehave({ path, act });
      const work =
        path === '/blobs/'
          ? collect(client().blob(name(), descriptor, { offset: 0 }))
          : client().manifest(name());
      const error = await failure(work);
      expect({ kind: error.kind, code: error.code, message: error.message }).toMatchObject({ kind, code });
    });
  }

  test('that sends another range than asked is refused', async () => {
    for (const range of ['bytes 0-5/100', 'bytes 10-9/10', 'pages 1-2/3', '']) {
      registry.misbehave({ path: '/blobs/', act: bad.wrongRange(range) });
      const error = await failure(client().blob(name(), descriptor, { offset: 10 }));
      expect(error).toMatchObject({ kind: 'corrupt', code: 'bad-range' });
    }
  });

  test('that serves a manifest other than the digest asked for is refused', async () => {
    registry.misbehave({ path: '/manifests/', act: bad.wrongBytes });
    const error = await failure(
      client().manifest(parseReference(`${registry.host}/team/app@${manifest.digest}`)),
    );
    expect(error).toMatchObject({ kind: 'corrupt', code: 'digest-mismatch' });
    const wrongSize = { ...descriptor, digest: parseDigest(manifest.digest), size: 5 };
    registry.behave();
    expect(await failure(client().manifestBy(name(), wrongSize))).toMatchObject({ code: 'size-mismatch' });
    expect(await failure(client().manifestBy(name(), { ...wrongSize, size: 5_000_000 }))).toMatchObject({
      kind: 'invalid',
    });
  });

  test('that nests indexes for ever is left', async () => {
    registry.misbehave({ path: '/manifests/', act: bad.endlessIndexes().act });
    const error = await failure(
      resolveImage({ client: client(), reference: name(), platform: parsePlatform('linux') }),
    );
    expect(error).toMatchObject({ kind: 'invalid', code: 'nested-index' });
    expect(registry.requests.length).toBeGreaterThan(0);
  });

  test('that serves a chart is not taken for one that serves an image', async () => {
    const type = 'application/vnd.oci.image.manifest.v1+json';
    const part = blobOf('application/vnd.cncf.helm.config.v1+json', '{}');
    const pointer = { mediaType: part.mediaType, digest: part.digest, size: 2 };
    const chart = blobOf(type, JSON.stringify({ schemaVersion: 2, config: pointer, layers: [pointer] }));
    registry.add('team/chart', 'v1', { documents: [chart], blobs: [] });
    const reference = parseReference(`${registry.host}/team/chart:v1`);
    const error = await failure(
      resolveImage({ client: client(), reference, platform: parsePlatform('linux') }),
    );
    expect(error).toMatchObject({ kind: 'unsupported', code: 'not-an-image' });
  });
});

describe('authorisation', () => {
  const credentials = { username: 'ann', password: 'secret' };
  const basicAuthentication = { kind: 'basic', ...credentials } as const;

  test('basic: without credentials, with wrong ones, with right ones', async () => {
    await using registry = await start({ authentication: basicAuthentication });
    const name = parseReference(`${registry.host}/team/app:v1`);
    const none = await failure(client().manifest(name));
    expect(none).toMatchObject({ kind: 'unauthorized', code: 'no-credentials' });
    expect(none.message).toContain('no basic auth credentials');
    expect(none.hint).toContain(`docker login ${registry.host}`);
    const wrong = await failure(client({ credentials: { username: 'ann', password: 'x' } }).manifest(name));
    expect(wrong).toMatchObject({ kind: 'unauthorized', message: 'unauthorized: authentication required' });
    expect((await client({ credentials }).manifest(name)).digest).toBe(parseDigest(manifest.digest));
  });

  test('bearer: one anonymous token serves a whole pull, for the right scope only', async () => {
    await using registry = await start({ authentication: { kind: 'bearer' } });
    const name = parseReference(`${registry.host}/team/app:v1`);
    const anonymous = client();
    await anonymous.manifest(name);
    await Promise.all([1, 2, 3].map(() => collect(anonymous.blob(name, descriptor, { offset: 0 }))));
    const asked = registry.requests.filter(({ path }) => path.startsWith('/token'));
    expect(asked).toHaveLength(1);
    expect(new URL(asked[0]?.path ?? '', 'http://x').searchParams.getAll('scope')).toEqual([
      'repository:team/app:pull',
    ]);
    expect(asked[0]?.headers.authorization).toBeUndefined();
  });

  test('bearer: a refused token is renewed once', async () => {
    await using registry = await start({ authentication: { kind: 'bearer' } });
    const name = parseReference(`${registry.host}/team/app:v1`);
    const anonymous = client();
    await anonymous.manifest(name);
    registry.misbehave({
      path: '/manifests/',
      times: 1,
      act: bad.refuse(401, 'UNAUTHORIZED', 'expired', {
        'www-authenticate': `Bearer realm="${registry.origin}/token"`,
      }),
    });
    await anonymous.manifest(name);
    expect(registry.requests.filter(({ path }) => path.startsWith('/token'))).toHaveLength(2);
    registry.misbehave({
      path: '/manifests/',
      act: bad.refuse(401, 'UNAUTHORIZED', 'authentication required', {
        'www-authenticate': `Bearer realm="${registry.origin}/token",error="insufficient_scope"`,
      }),
    });
    const before = registry.requests.length;
    expect(await failure(anonymous.manifest(name))).toMatchObject({
      kind: 'not-found',
      message: `pull access denied for ${registry.host}/team/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
    });
    expect(registry.requests.length - before).toBe(3);
  });

  test('bearer: a password buys a token, a wrong one an error', async () => {
    await using registry = await start({ authentication: { kind: 'bearer', ...credentials } });
    const name = parseReference(`${registry.host}/team/app:v1`);
    expect(await failure(client().manifest(name))).toMatchObject({ kind: 'unauthorized' });
    expect(
      await failure(client({ credentials: { username: 'a', password: 'b' } }).manifest(name)),
    ).toMatchObject({
      kind: 'unauthorized',
      message: 'unauthorized: incorrect username or password',
    });
    expect((await client({ credentials }).manifest(name)).digest).toBe(parseDigest(manifest.digest));
  });

  test('hostile token servers give errors', async () => {
    for (const [act, kind] of [
      [bad.endless('application/json', '{'), 'corrupt'],
      [bad.webPage, 'unavailable'],
      [bad.answer(200, '{"token":"a\\r\\nX-Evil: 1"}'), 'corrupt'],
      [bad.answer(200, '{}'), 'corrupt'],
      [bad.answer(200, 'nonsense'), 'corrupt'],
      [bad.hang, 'timeout'],
    ] as const) {
      await using registry = await start({ authentication: { kind: 'bearer' } });
      registry.misbehave({ path: '/token', act });
      expect((await failure(client().manifest(parseReference(`${registry.host}/team/app:v1`)))).kind).toBe(
        kind,
      );
    }
  });

  test('the challenge cannot lead to files, to the metadata service, or to plain HTTP elsewhere', async () => {
    for (const [realm, code] of [
      ['file:///etc/shadow', 'bad-realm'],
      ['http://169.254.169.254/token', 'bad-realm'],
      ['https://169.254.169.254/token', 'foreign-token-server'],
      ['http://example.com/token', 'bad-realm'],
      ['https://user:x@127.0.0.1/token', 'bad-realm'],
      ['https://attacker.example/token', 'foreign-token-server'],
    ] as const) {
      await using registry = await start({ authentication: { kind: 'bearer', realm } });
      const error = await failure(
        client({ credentials }).manifest(parseReference(`${registry.host}/team/app:v1`)),
      );
      expect([realm, error.code]).toEqual([realm, code]);
    }
    await using registry = await start({
      authentication: { kind: 'bearer', realm: 'https://169.254.169.254/t' },
    });
    const error = await failure(client().manifest(parseReference(`${registry.host}/team/app:v1`)));
    expect(error.code).toBe('reserved-address');
  });

  test('a redirect to another host carries no authorisation, and its challenge is not answered', async () => {
    await using other = await start();
    await using registry = await start({ authentication: basicAuthentication });
    const name = parseReference(`${registry.host}/team/app:v1`);
    const known = client({ credentials });
    await known.manifest(name);
    registry.misbehave({ path: '/blobs/', act: bad.redirectTo(other.origin) });
    expect(await collect(known.blob(name, descriptor, { offset: 3 }))).toEqual(layer.bytes.subarray(3));
    const [seen] = other.requests;
    expect(seen?.headers).toMatchObject({ range: 'bytes=3-', host: other.host });
    expect(seen?.headers.authorization).toBeUndefined();
    other.misbehave({
      path: '/blobs/',
      act: bad.answer(401, '', { 'www-authenticate': 'Basic realm="give"' }),
    });
    expect(await failure(known.blob(name, descriptor, { offset: 0 }))).toMatchObject({
      kind: 'unauthorized',
    });
    expect(other.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  });

  test('a redirect back to the registry carries none either', async () => {
    await using other = await start();
    await using registry = await start({ authentication: basicAuthentication });
    const name = parseReference(`${registry.host}/team/app:v1`);
    const known = client({ credentials });
    await known.manifest(name);
    registry.misbehave({ path: '/blobs/', act: bad.redirectTo(other.origin) });
    other.misbehave({ path: '/blobs/', act: bad.redirect(`${registry.origin}/v2/team/app/manifests/v1`) });
    const before = registry.requests.length;
    expect(await failure(known.blob(name, descriptor, { offset: 0 }))).toMatchObject({
      kind: 'unauthorized',
    });
    const repeated = registry.requests.slice(before).filter(({ path }) => path.includes('/manifests/'));
    expect(repeated.length).toBeGreaterThan(0);
    expect(repeated.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  });
});

describe('connections', () => {
  test('IPv6 hosts are reached', async () => {
    await using registry = await start({ address: '::1' });
    expect((await client().manifest(parseReference(`${registry.host}/team/app:v1`))).digest).toBe(
      parseDigest(manifest.digest),
    );
  });

  test('localhost by name is reached over plain HTTP', async () => {
    await using registry = await start();
    const port = registry.host.split(':')[1];
    await client().manifest(parseReference(`localhost:${port}/team/app:v1`));
    expect(registry.requests[0]?.headers.host).toBe(`localhost:${port}`);
  });

  test('connections are used again', async () => {
    await using registry = await start();
    const one = client();
    const name = parseReference(`${registry.host}/team/app:v1`);
    await one.manifest(name);
    await one.manifest(name);
    expect(registry.requests.length).toBe(2);
  });

  test('a registry that is not there is named as Docker names it', async () => {
    const refused = await failure(client().manifest(parseReference('127.0.0.1:1/x')));
    expect(refused).toMatchObject({ kind: 'unavailable', code: 'connection-refused' });
    expect(refused.message).toBe(
      'Get "http://127.0.0.1:1/v2/x/manifests/latest": dial tcp 127.0.0.1:1: connect: connection refused',
    );
    const unknown = await failure(client().manifest(parseReference('registry.invalid/x')));
    expect(unknown).toMatchObject({ kind: 'unavailable', code: 'no-such-host' });
    expect(unknown.message).toContain('lookup registry.invalid');
  });
});

describe('a list of tags', () => {
  let registry: HostileRegistry;
  beforeEach(async () => void (registry = await startHostileRegistry()));
  afterEach(() => registry[Symbol.asyncDispose]());
  const name = (): Reference => parseReference(`${registry.host}/team/app`);
  const pages = (answer: (last: string) => { tags: unknown; link?: string }): void =>
    registry.misbehave({
      path: '/tags/list',
      act({ request, response }) {
        const last = new URL(request.url ?? '', registry.origin).searchParams.get('last') ?? '';
        const { tags, link } = answer(last);
        response.writeHead(200, { 'content-type': 'application/json', ...(link ? { link } : {}) });
        response.end(JSON.stringify({ name: 'team/app', tags }));
      },
    });

  test('is read page by page, from this registry alone', async () => {
    pages((last) =>
      last === ''
        ? { tags: ['a', 'b'], link: '<http://169.254.169.254/v2/other/tags/list?n=2&last=b&x=y>; rel="next"' }
        : { tags: ['c', 'not a tag', '../d'] },
    );
    expect(await client().tags(name())).toEqual(['a', 'b', 'c']);
    expect(registry.requests.at(-1)?.path).toBe('/v2/team/app/tags/list?n=2&last=b');
  });

  test('that never ends is left', async () => {
    let page = 0;
    pages(() => ({ tags: [`t${page++}`], link: '</v2/x?last=again>; rel="next"' }));
    expect(await client().tags(name())).toHaveLength(200);
    pages(() => ({ tags: ['same'], link: '</v2/x?last=same>; rel="next"' }));
    expect(await client().tags(name())).toEqual(['same']);
    pages(() => ({ tags: Array.from({ length: 10_001 }, (_, place) => `t${place}`) }));
    expect(await failure(client().tags(name()))).toMatchObject({ kind: 'invalid' });
    pages(() => ({ tags: null }));
    expect(await client().tags(name())).toEqual([]);
  });
});
