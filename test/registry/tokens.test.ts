import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { IncomingMessage } from 'node:http';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { parseDigest } from '../../src/foundation/oci/digest.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import type { RegistryAccess, RegistryClient } from '../../src/resources/distribution/distribution.ts';
import { createRegistryClient } from '../../src/resources/distribution/registry-client.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import { type Act, type HostileRegistry, startHostileRegistry } from './hostile-registry.ts';
import * as bad from './misbehaviours.ts';
import { sampleImage } from './sample-image.ts';

const image = sampleImage();
const [layer] = image.blobs.slice(1);
if (!layer) throw new Error('no layer');
const descriptor = {
  mediaType: layer.mediaType,
  digest: parseDigest(layer.digest),
  size: layer.bytes.byteLength,
};

/** What a token server was asked, and what it answers. */
interface Asked {
  method: string;
  query: URLSearchParams;
  form: URLSearchParams;
  authorization: string | undefined;
}

describe('tokens', () => {
  let stack: AsyncDisposableStack;
  let registry: HostileRegistry;
  let asked: Asked[];
  /** Tokens that the registry takes now. */
  let valid: Set<string>;
  let given: number;
  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    registry = stack.use(await startHostileRegistry());
    registry.add('team/app', 'v1', image);
    asked = [];
    valid = new Set();
    given = 0;
    registry.misbehave({ path: '/v2/', act: guard });
    registry.misbehave({ path: '/token', act: tokens({}) });
  });
  afterEach(() => stack.disposeAsync());

  const guard: Act = ({ request, response, serve }) => {
    if (valid.has((request.headers.authorization ?? '').replace(/^Bearer /, ''))) return serve();
    response.writeHead(401, {
      'www-authenticate': `Bearer realm="${registry.origin}/token",service="here",scope="repository:other/secret:*"`,
      'content-length': 0,
    });
    response.end();
  };
  const tokens =
    (more: Record<string, unknown>, refuse: (request: IncomingMessage) => boolean = () => false): Act =>
    ({ request, response }) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        asked.push({
          method: request.method ?? '',
          query: new URL(request.url ?? '', 'http://x').searchParams,
          form: new URLSearchParams(body),
          authorization: request.headers.authorization,
        });
        if (refuse(request)) return void response.writeHead(405, { 'content-length': 0 }).end();
        const token = `t${given++}`;
        valid.add(token);
        response.end(JSON.stringify({ access_token: token, expires_in: 300, ...more }));
      });
    };
  const clientWith = (more: Partial<RegistryAccess> = {}): RegistryClient => {
    const transport = stack.use(createTransport({ headersMs: 2000, idleMs: 2000 }));
    return createRegistryClient({
      transport,
      access: { insecure: [], ...more },
      retry: { attempts: 2, baseMs: 1, maximumWaitMs: 10 },
    });
  };
  const name = () => parseReference(`${registry.host}/team/app:v1`);
  const password = { username: 'ann', password: 'open:sesame' };
  const pull = async (client: RegistryClient): Promise<void> => {
    await client.manifest(name());
    const { body } = await client.blob(name(), descriptor, { offset: 0 });
    for await (const _ of body);
  };

  test('a login brings an identity token where the server gives one', async () => {
    registry.misbehave({ path: '/token', act: tokens({ refresh_token: 'keep-this' }) });
    expect(await clientWith({ credentials: password }).check(registry.host)).toBe('keep-this');
    expect(asked).toHaveLength(1);
    const { query, authorization } = asked[0] as Asked;
    expect([query.get('offline_token'), query.get('account'), query.get('scope')]).toEqual([
      'true',
      'ann',
      null,
    ]);
    expect(authorization).toStartWith('Basic ');
    registry.misbehave({ path: '/token', act: tokens({}) });
    expect(await clientWith({ credentials: password }).check(registry.host)).toBeUndefined();
    registry.misbehave({ path: '/token', act: tokens({ refresh_token: 'line\nbreak' }) });
    expect(await clientWith({ credentials: password }).check(registry.host)).toBeUndefined();
  });

  test('an identity token is exchanged by POST, for our own scopes', async () => {
    const credentials = { identityToken: 'kept-token' };
    await pull(clientWith({ credentials, pushes: { mountsFrom: ['team/base'] } }));
    expect(asked.map(({ method, query }) => [method, query.size])).toEqual([['POST', 0]]);
    expect(Object.fromEntries(asked[0]?.form ?? [])).toEqual({
      service: 'here',
      grant_type: 'refresh_token',
      refresh_token: 'kept-token',
      client_id: 'silo',
      scope: 'repository:team/app:pull,push repository:team/base:pull',
    });
    expect(asked[0]?.authorization).toBeUndefined();
    // The registry itself never sees it.
    expect(registry.requests.filter(({ headers }) => JSON.stringify(headers).includes('kept-token'))).toEqual(
      [],
    );
  });

  test('a server that only speaks OAuth 2 gets the password by POST', async () => {
    registry.misbehave({ path: '/token', act: tokens({}, ({ method }) => method === 'GET') });
    await pull(clientWith({ credentials: password }));
    expect(asked.map(({ method }) => method)).toEqual(['GET', 'POST']);
    expect(Object.fromEntries(asked[1]?.form ?? [])).toMatchObject({
      grant_type: 'password',
      username: 'ann',
      password: 'open:sesame',
      scope: 'repository:team/app:pull',
    });
    const anonymous = toSiloError(await pull(clientWith()).catch((error: unknown) => error));
    expect(anonymous).toMatchObject({ kind: 'unavailable', code: 'no-such-way' });
  });

  test('one that ends in the middle of a pull is renewed, once for all who wait', async () => {
    const client = clientWith();
    await client.manifest(name());
    valid.clear();
    const blobs = Array.from({ length: 4 }, () => client.blob(name(), descriptor, { offset: 0 }));
    for (const { body } of await Promise.all(blobs)) for await (const _ of body);
    expect(asked).toHaveLength(2);
    // In the middle of a blob: the rest is asked for with a fresh one.
    valid.clear();
    const rest = await client.blob(name(), descriptor, { offset: 10 });
    expect(rest.startsAt).toBe(10);
    for await (const _ of rest.body);
    expect(asked).toHaveLength(3);
  });

  test('a registry that refuses every token is not asked for ever', async () => {
    registry.misbehave({
      path: '/token',
      act: ({ response }) => void response.end(JSON.stringify({ token: 'nothing', expires_in: 300 })),
    });
    const error = toSiloError(
      await clientWith()
        .manifest(name())
        .catch((thrown: unknown) => thrown),
    );
    expect(error.kind).toBe('unauthorized');
    expect(registry.requests.length).toBeLessThanOrEqual(4);
  });

  test.each([
    ['a password', password],
    ['an identity token', { identityToken: 'kept-token' }],
    ['a registry token', { token: 'kept-token' }],
  ])('%s goes to no token server, redirect target or upload address elsewhere', async (_, credentials) => {
    const elsewhere = stack.use(await startHostileRegistry({ address: '::1' }));
    elsewhere.misbehave({ path: '/', act: tokens({}) });
    const strangers = `http://stranger.example:${new URL(elsewhere.origin).port}`;
    registry.behave();
    registry.misbehave({
      path: '/v2/',
      act: bad.refuse(401, 'UNAUTHORIZED', 'x', { 'www-authenticate': `Bearer realm="${strangers}/token"` }),
    });
    const work = clientWith({ credentials, insecure: ['stranger.example'] }).manifest(name());
    const error = toSiloError(await work.catch((thrown: unknown) => thrown));
    if (!('token' in credentials)) expect(error.code).toBe('foreign-token-server');
    registry.behave();
    registry.misbehave({ path: '/manifests/', act: bad.redirectTo(elsewhere.origin) });
    registry.misbehave({ path: '/blobs/', act: bad.redirectTo(elsewhere.origin) });
    const client = clientWith({ credentials });
    await client.manifest(name()).catch(() => undefined);
    await client.blob(name(), descriptor, { offset: 0 }).catch(() => undefined);
    expect(elsewhere.requests.length).toBeGreaterThan(0);
    expect(elsewhere.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
    expect(asked.filter(({ form }) => form.size > 0)).toEqual([]);
  });
});
