import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSigningKey } from '../../src/engine/registry/access/token-keys.ts';
import { createTokenIssuer } from '../../src/engine/registry/access/tokens.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import type { RegistryCredentials } from '../../src/resources/distribution/distribution.ts';
import { createRegistryClient } from '../../src/resources/distribution/registry-client.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import { missingPeers, writeOciLayout } from '../registry/peer-registry.ts';
import { sampleImage } from '../registry/sample-image.ts';
import { ali, basic, type EdgeRegistry, rawExchange, skopeo, startEdge, users } from './edge-harness.ts';
import { codeOf, digestOf } from './harness.ts';

const missing = missingPeers().filter((program) => program === 'skopeo');
if (missing.length > 0) console.log('skipped in part: skopeo is not installed');

const rights = `
group devs = ali
allow @devs    team/**   all
allow ali      public/** all
allow ali      drop/**   push
allow everyone public/** pull
`;
let edge: EdgeRegistry;
const transport = createTransport();

beforeAll(async () => {
  edge = await startEdge(
    {
      htpasswd: '@users',
      'access-file': '@rights',
      auth: 'token',
      metrics: true,
      'access-log': '@access.log',
    },
    { users, rights },
  );
  for (const repository of ['team/app', 'public/app']) await push(repository);
});
afterAll(async () => {
  transport[Symbol.dispose]();
  await edge[Symbol.asyncDispose]();
});

const image = sampleImage();
const [manifest] = image.documents;

/** As a client of ours would, with basic credentials on each request. */
async function push(repository: string): Promise<void> {
  for (const { digest, bytes } of image.blobs) {
    const url = `${edge.url}/v2/${repository}/blobs/uploads/?digest=${digest}`;
    const answer = await fetch(url, { method: 'POST', headers: ali, body: bytes });
    expect(answer.status).toBe(201);
  }
  const headers = { ...ali, 'content-type': manifest?.mediaType ?? '' };
  const url = `${edge.url}/v2/${repository}/manifests/v1`;
  const answer = await fetch(url, { method: 'PUT', headers, body: manifest?.bytes ?? '' });
  expect(answer.status).toBe(201);
}

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${edge.url}${path}`, { headers });
const client = (credentials?: RegistryCredentials) =>
  createRegistryClient({ transport, access: { insecure: [], ...(credentials ? { credentials } : {}) } });
const token = async (scope: string, headers: Record<string, string> = ali): Promise<string> => {
  const answer = await get(`/token?service=silo-registry&scope=${encodeURIComponent(scope)}`, headers);
  return `Bearer ${((await answer.json()) as { token: string }).token}`;
};

describe('logging in', () => {
  test('the challenge leads to the token server where the client found us', async () => {
    const answer = await get('/v2/team/app/manifests/v1');
    expect(await codeOf(answer)).toBe('401 UNAUTHORIZED');
    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer realm="${edge.url}/token",service="silo-registry",scope="repository:team/app:pull"`,
    );
  });

  test('our own client pulls with a password, and is told when it is wrong', async () => {
    const reference = parseReference(`${edge.host}/team/app:v1`);
    const found = await client({ username: 'ali', password: 'open-sesame' }).manifest(reference);
    expect(found.digest as string).toBe(manifest?.digest ?? '');
    const wrong = client({ username: 'ali', password: 'sesame' });
    expect(wrong.manifest(reference)).rejects.toMatchObject({ kind: 'unauthorized' });
    expect(wrong.check(edge.host)).rejects.toMatchObject({ code: 'wrong-credentials' });
    expect(client().manifest(reference)).rejects.toThrow('denied');
  });

  test('a login gives a refresh token, which pulls without the password', async () => {
    const identityToken = await client({ username: 'ali', password: 'open-sesame' }).check(edge.host);
    if (identityToken === undefined) throw new Error('no identity token was given');
    const reference = parseReference(`${edge.host}/team/app:v1`);
    const found = await client({ identityToken }).manifest(reference);
    expect(found.digest as string).toBe(manifest?.digest ?? '');
    expect(client({ identityToken: 'x' }).manifest(reference)).rejects.toMatchObject({
      kind: 'unauthorized',
    });
  });

  test.skipIf(missing.length > 0)('skopeo pushes and pulls with --creds', async () => {
    const layout = join(edge.folder, 'layout');
    await writeOciLayout(layout, image);
    const to = (creds: string, name: string) =>
      skopeo(
        'copy',
        '--dest-tls-verify=false',
        `--dest-creds=${creds}`,
        `oci:${layout}:latest`,
        `docker://${edge.host}/${name}`,
      );
    expect(await to('ali:open-sesame', 'team/skopeo:v1')).toMatchObject({ code: 0 });
    expect((await to('ali:sesame', 'team/skopeo:v2')).text).toContain('incorrect username or password');
    expect((await to('ali:open-sesame', 'other/app:v1')).code).not.toBe(0);
    const inspect = (name: string) =>
      skopeo('inspect', '--raw', '--tls-verify=false', `docker://${edge.host}/${name}`);
    expect((await inspect('public/app:v1')).code).toBe(0);
    expect((await inspect('team/app:v1')).code).not.toBe(0);
  });

  test('a changed file of users counts at once', async () => {
    const path = join(edge.folder, 'users');
    const added = await Bun.password.hash('second', { algorithm: 'bcrypt', cost: 4 });
    await writeFile(path, `${users}ben:${added}\n`);
    expect((await get('/v2/', basic('ben:second'))).status).toBe(200);
    await writeFile(path, users);
    expect((await get('/v2/', basic('ben:second'))).status).toBe(401);
  });
});

describe('rights', () => {
  test('a token is worth what its scope says, for its repository only', async () => {
    const authorization = await token('repository:team/app:pull');
    expect((await get('/v2/team/app/manifests/v1', { authorization })).status).toBe(200);
    const foreign = await get('/v2/public/app/tags/list', {
      authorization: await token('repository:team/app:push'),
    });
    expect([foreign.status, foreign.headers.get('www-authenticate')?.includes('insufficient_scope')]).toEqual(
      [401, true],
    );
    const path = '/v2/team/app/blobs/uploads/';
    const upload = await fetch(`${edge.url}${path}`, { method: 'POST', headers: { authorization } });
    expect(upload.status).toBe(401);
  });

  test('a token is void at once when its account is gone, or its right', async () => {
    const authorization = await token('repository:team/app:pull', ali);
    const read = async (): Promise<number> =>
      (await get('/v2/team/app/manifests/v1', { authorization })).status;
    expect(await read()).toBe(200);
    await writeFile(join(edge.folder, 'users'), '# nobody\n');
    expect(await read()).toBe(401);
    await writeFile(join(edge.folder, 'users'), users);
    expect(await read()).toBe(200);
    await writeFile(join(edge.folder, 'rights'), rights.replaceAll('ali', 'eve'));
    expect(await read()).toBe(403);
    await writeFile(join(edge.folder, 'rights'), rights);
    expect(await read()).toBe(200);
  });

  test('expired, forged and unsigned tokens are refused with the reason', async () => {
    const key = await openSigningKey(join(edge.folder, 'root', 'token-key.pem'));
    const at = (now: number) =>
      createTokenIssuer({ key, issuer: 'silo-registry', service: 'silo-registry', now: () => now });
    const grants = [{ repository: 'team/app', actions: ['pull' as const] }];
    const seal = users.trim().slice('ali:'.length);
    const { token: fresh } = await at(Date.now()).issue('ali', grants, seal);
    const { token: old } = await at(Date.now() - 3_600_000).issue('ali', grants, seal);
    const read = (value: string) => get('/v2/team/app/manifests/v1', { authorization: `Bearer ${value}` });
    expect((await read(fresh)).status).toBe(200);
    const expired = await read(old);
    expect(expired.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect(await expired.text()).toContain('expired');
    expect((await read(`${fresh.slice(0, -8)}AAAAAAAA`)).status).toBe(401);
    const [, claims = ''] = fresh.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    expect((await read(`${none}.${claims}.`)).status).toBe(401);
  });

  test('who is known but may not is denied, and learns nothing of what exists', async () => {
    const answers = ['/v2/other/app/manifests/v1', '/v2/drop/box/tags/list'].map((path) => get(path, ali));
    for (const answer of await Promise.all(answers)) expect(await codeOf(answer)).toBe('403 DENIED');
  });

  test('a mount from a repository that may not be read becomes an upload', async () => {
    const digest = image.blobs[0]?.digest ?? '';
    const mount = (from: string) =>
      fetch(`${edge.url}/v2/team/new/blobs/uploads/?mount=${digest}&from=${from}`, {
        method: 'POST',
        headers: ali,
      });
    const upload = await mount('drop/box');
    expect([upload.status, upload.headers.get('www-authenticate')]).toEqual([202, null]);
    expect((await mount('public/app')).status).toBe(201);
  });

  test('the catalog lists what the client may pull', async () => {
    const list = async (headers?: Record<string, string>): Promise<string[]> =>
      ((await (await get('/v2/_catalog', headers)).json()) as { repositories: string[] }).repositories;
    expect(await list()).toEqual(['public/app']);
    expect(await list(ali)).toContain('team/app');
    expect((await get('/v2/_catalog?n=1', ali)).headers.get('link')).toContain('last=public');
    const search = async (headers?: Record<string, string>): Promise<string[]> => {
      const found = (await (await get('/v1/search?q=APP', headers)).json()) as {
        results: { name: string }[];
      };
      return found.results.map(({ name }) => name);
    };
    expect(await search()).toEqual(['public/app']);
    expect(await search(ali)).toContain('team/app');
  });
});

describe('the page and the metrics', () => {
  test('show what their reader may see, and ask for a password', async () => {
    const open = await get('/');
    expect(open.headers.get('content-security-policy')).toStartWith("default-src 'none'");
    const text = await open.text();
    expect(text).toContain('public/app');
    expect(text).not.toContain('team/app');
    const closed = await get('/?repository=team/app');
    expect([closed.status, closed.headers.get('www-authenticate')?.startsWith('Basic ')]).toEqual([
      401,
      true,
    ]);
    const shown = await (await get('/?repository=team/app&reference=v1', ali)).text();
    expect(shown).toContain(`docker pull ${edge.host}/team/app:v1`);
    expect((await get('/?repository=other/app', ali)).status).toBe(404);
    expect((await get('/', basic('ali:x'))).status).toBe(401);
  });

  test('count requests, and tell health', async () => {
    expect(await (await get('/healthz')).json()).toEqual({ status: 'ok' });
    const text = await (await get('/metrics', ali)).text();
    expect(text).toContain('silo_registry_requests_total{method="GET",route="/v2/",status="200"}');
    expect(text).toMatch(/silo_registry_repository_bytes\{repository="team\/app"\} \d+/);
  });
});

describe('hostile requests', () => {
  const raw = (target: string, ...lines: string[]): Promise<string> =>
    rawExchange(edge.host, [`GET ${target} HTTP/1.1`, ...lines, 'Connection: close', '', ''].join('\r\n'));

  test.each([
    '/v2/../../etc/passwd',
    '/v2/%2e%2e/%2e%2e/etc/manifests/passwd',
    '/v2/team/..%2f..%2froot/manifests/token-key.pem',
    '/v2/team/app/manifests/..%2f..%2f..%2ftoken-key.pem',
    '/v2/team/app/blobs/sha256:..%2f..%2f..%2ftoken-key.pem',
    '/v2/team/app%00/manifests/v1',
    '/%2e%2e/token-key.pem',
    '/v2/team/app%0d%0aX-Evil:%20yes/manifests/v1',
  ])('%s reaches no file', async (target) => {
    const answer = await raw(target, `Host: ${edge.host}`, `Authorization: ${ali.authorization}`);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).not.toMatch(/PRIVATE KEY|root:x|\r\nX-Evil/);
  });

  test.each(['a"b', 'a b', 'evil,realm="http://x"', 'a@b', 'x'.repeat(300)])(
    'a Host of %p is not repeated in the challenge',
    async (host) => {
      const answer = await raw('/v2/', `Host: ${host}`);
      const challenge = /WWW-Authenticate: (.*)\r\n/.exec(answer)?.[1];
      expect([undefined, 'Basic realm="Silo registry", charset="UTF-8"']).toContain(challenge);
    },
  );

  test('a flood of guesses is answered, and known users are served meanwhile', async () => {
    const flood = Array.from({ length: 300 }, (_, index) => get('/v2/', basic(`ali:guess-${index}`)));
    expect((await get('/v2/', ali)).status).toBe(200);
    const statuses = new Set((await Promise.all(flood)).map(({ status }) => status));
    expect([...statuses].filter((status) => status !== 401 && status !== 429)).toEqual([]);
  });

  test('the access log holds one object a line and nothing of a credential', async () => {
    await get('/token?password=open-sesame&scope=x', { 'user-agent': 'evil\u00a0{"}' });
    await edge.server.reload();
    const text = await readFile(join(edge.folder, 'access.log'), 'utf8');
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.some(({ user, repository }) => user === 'ali' && repository === 'team/app')).toBe(true);
    expect(text).not.toMatch(/open-sesame|guess-1|authorization|b3Blbi1/i);
    expect(text).not.toContain(ali.authorization.slice(6));
  });
});

test('a blob that was pushed by its digest only is not there for others', async () => {
  const digest = digestOf('absent');
  expect((await get(`/v2/public/app/blobs/${digest}`, ali)).status).toBe(404);
});
