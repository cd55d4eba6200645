import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { parseDigest } from '../../src/foundation/oci/digest.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import { openContentStore } from '../../src/resources/content/content-store.ts';
import type { RegistryClient, RegistryCredentials } from '../../src/resources/distribution/distribution.ts';
import { fetchBlob } from '../../src/resources/distribution/fetch-blob.ts';
import { createRegistries } from '../../src/resources/distribution/registries.ts';
import type { MirrorSettings } from '../../src/resources/distribution/registry-config.ts';
import { fetchSmallBlob } from '../../src/resources/distribution/resolve-image.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import { type HostileRegistry, startHostileRegistry } from './hostile-registry.ts';
import * as bad from './misbehaviours.ts';
import { type SampleBlob, sampleImage } from './sample-image.ts';

const noise = Buffer.alloc(3_000_000);
for (let at = 0; at < noise.length; at += 4) noise.writeUInt32LE((at * 2654435761) >>> 0, at);
const image = sampleImage({ layers: [{ noise }] });
const [manifest] = image.documents;
const [config, layer] = image.blobs;
if (!manifest || !config || !layer) throw new Error('the sample is not as expected');
const described = (blob: SampleBlob) => ({
  mediaType: blob.mediaType,
  digest: parseDigest(blob.digest),
  size: blob.bytes.byteLength,
});
const account = { username: 'ann', password: 'secret-of-the-registry' };

describe('a registry with mirrors', () => {
  let stack: AsyncDisposableStack;
  let origin: HostileRegistry;
  let first: HostileRegistry;
  let second: HostileRegistry;
  const failures: string[] = [];
  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    failures.length = 0;
    origin = stack.use(await startHostileRegistry({ authentication: { kind: 'basic', ...account } }));
    first = stack.use(await startHostileRegistry());
    second = stack.use(await startHostileRegistry());
    origin.add('team/app', 'v1', image);
    first.add('hub/team/app', 'v1', image);
    second.add('team/app', 'v1', image);
  });
  afterEach(() => stack.disposeAsync());

  const name = () => parseReference(`${origin.host}/team/app:v1`);
  const mirrors = (more: Partial<MirrorSettings> = {}): MirrorSettings[] => [
    { url: `${first.origin}/hub`, tags: false, insecure: false, ...more },
    { url: second.origin, tags: false, insecure: false, ...more },
  ];
  const note = (_: string, fields?: Record<string, unknown>): void =>
    void failures.push(String(fields?.['code']));
  const log = { debug: note, info: note, warn: note, error: note };
  const clientWith = (
    list: MirrorSettings[],
    credentials: RegistryCredentials | undefined = account,
    now = () => Date.now(),
  ): RegistryClient => {
    const transport = stack.use(createTransport({ headersMs: 2000, idleMs: 500 }));
    const settings = { [origin.host]: { mirrors: list, insecure: false, tokenServers: [] } };
    return createRegistries({ transport, settings, log, now }).client({
      insecure: [],
      ...(credentials ? { credentials } : {}),
    });
  };
  const small = (client: RegistryClient) =>
    fetchSmallBlob({ client, reference: name(), descriptor: described(config), limitBytes: 100_000 });
  const fetchLayer = async (client: RegistryClient) => {
    const folder = await mkdtemp(join(tmpdir(), 'silo-mirrors-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const content = await openContentStore(folder);
    return fetchBlob({
      client,
      reference: name(),
      descriptor: described(layer),
      content,
      retry: { attempts: 3, baseMs: 1, maximumWaitMs: 10 },
    });
  };
  const asked = (registry: HostileRegistry, part: string): number =>
    registry.requests.filter(({ path }) => path.includes(part)).length;

  test('says itself what a tag means, and everything else comes from the first mirror', async () => {
    const client = clientWith(mirrors());
    const found = await client.manifest(name());
    await client.manifestBy(name(), described(manifest));
    await small(client);
    await (
      await fetchLayer(client)
    ).done;
    expect(found.digest).toBe(parseDigest(manifest.digest));
    expect([asked(origin, '/manifests/v1') > 0, asked(origin, '/blobs/')]).toEqual([true, 0]);
    expect([
      asked(first, '/v2/hub/team/app/blobs/'),
      asked(first, '/manifests/'),
      second.requests.length,
    ]).toEqual([2, 1, 0]);
  });

  test('leaves tags to a mirror that is configured to know them', async () => {
    await clientWith(mirrors({ tags: true })).manifest(name());
    expect([asked(first, '/v2/hub/team/app/manifests/v1'), origin.requests.length]).toEqual([1, 0]);
  });

  test('never shows a mirror its credentials, nor itself those of a mirror', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'silo-mirrors-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, 'password'), 'secret-of-the-mirror\n');
    const own = stack.use(
      await startHostileRegistry({
        authentication: { kind: 'basic', username: 'mirror', password: 'secret-of-the-mirror' },
      }),
    );
    own.add('team/app', 'v1', image);
    const [one, two] = mirrors();
    if (!one || !two) throw new Error('two mirrors');
    // The first asks for a password and gets none, the second lacks everything.
    first.misbehave({
      path: '/',
      act: bad.refuse(401, 'UNAUTHORIZED', 'x', { 'www-authenticate': 'Basic realm="x"' }),
    });
    second.misbehave({ path: '/', act: bad.redirectTo(origin.origin) });
    const client = clientWith([
      one,
      two,
      {
        url: own.origin,
        tags: false,
        insecure: false,
        account: { username: 'mirror', passwordFile: join(folder, 'password') },
      },
    ]);
    await client.manifest(name());
    await small(client);
    const seen = (registry: HostileRegistry): string[] =>
      registry.requests.flatMap(({ headers }) => headers.authorization ?? []);
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
    expect(seen(first)).toEqual([]);
    expect(seen(second)).toEqual([]);
    expect(new Set(seen(own))).toEqual(new Set([basic('mirror:secret-of-the-mirror')]));
    expect(new Set(seen(origin))).toEqual(new Set([basic('ann:secret-of-the-registry')]));
  });

  test.each([
    ['is not there', bad.resetConnection, 'connection-lost'],
    ['has nothing', bad.refuse(404, 'BLOB_UNKNOWN', 'blob unknown'), 'blob-unknown'],
    ['is busy', bad.answer(429, '', { 'retry-after': '100' }), 'too-many-requests'],
    ['serves web pages', bad.webPage, 'not-a-registry'],
    ['has blobs of another length', bad.wrongLength(5), 'size-mismatch'],
    ['sends its clients in circles', bad.redirectLoop, 'too-many-redirects'],
    ['refuses', bad.answer(403), 'forbidden'],
  ])('goes on where its mirror %s', async (_, act, code) => {
    first.misbehave({ path: '/blobs/', act });
    const stored = await (await fetchLayer(clientWith(mirrors()))).done;
    expect(stored.sizeBytes).toBe(layer.bytes.byteLength);
    expect(failures).toEqual([code]);
    expect([asked(second, '/blobs/'), asked(origin, '/blobs/')]).toEqual([1, 0]);
  });

  test('takes over at the byte where a mirror broke off', async () => {
    first.misbehave({ path: '/blobs/', act: bad.truncated(1_500_000) });
    second.misbehave({ path: '/blobs/', act: bad.stalled(500_000) });
    await (
      await fetchLayer(clientWith(mirrors()))
    ).done;
    const ranges = [second, origin].map(
      ({ requests }) => requests.findLast(({ path }) => path.includes('/blobs/'))?.headers.range ?? '',
    );
    const [atSecond = 0, atOrigin = 0] = ranges.map((range) => Number(/^bytes=(\d+)-$/.exec(range)?.[1]));
    expect(atSecond).toBeGreaterThan(0);
    expect(atOrigin).toBeGreaterThan(atSecond);
  });

  test('is not harmed by mirrors that give other bytes: layer, configuration and manifest come from elsewhere', async () => {
    for (const mirror of [first, second]) mirror.misbehave({ path: /blobs|manifests/, act: bad.wrongBytes });
    const client = clientWith(mirrors());
    const fetch = await fetchLayer(client);
    const followed = (async () => {
      for (;;) {
        const chunks: Buffer[] = [];
        try {
          for await (const chunk of await fetch.stream()) chunks.push(chunk as Buffer);
          return Buffer.concat(chunks);
        } catch (error) {
          if (toSiloError(error).code !== 'blob-restarted') throw error;
        }
      }
    })();
    expect((await fetch.done).sizeBytes).toBe(layer.bytes.byteLength);
    expect((await followed).equals(layer.bytes)).toBe(true);
    expect(asked(origin, '/blobs/') > 0).toBe(true);
    expect(Buffer.from(await small(clientWith(mirrors()))).equals(config.bytes)).toBe(true);
    const again = await clientWith(mirrors()).manifestBy(name(), described(manifest));
    expect(again.digest).toBe(parseDigest(manifest.digest));
  });

  test('a reader who cannot make sense of what a mirror gave has it fetched elsewhere before the end', async () => {
    first.misbehave({
      path: '/blobs/',
      act: ({ response }) => {
        response.writeHead(200, { 'content-length': layer.bytes.byteLength });
        response.write(Buffer.alloc(1_000_000, 'x'));
      },
    });
    const fetch = await fetchLayer(clientWith(mirrors().slice(0, 1)));
    const begun = await fetch.stream();
    await new Promise((resolve) => begun.once('data', resolve));
    expect(fetch.startOver()).toBe(true);
    const chunks: Buffer[] = [];
    for await (const chunk of await fetch.stream()) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(layer.bytes)).toBe(true);
    expect(fetch.startOver()).toBe(false);
  });

  test('leaves a mirror alone for half a minute that did not answer', async () => {
    first.misbehave({ path: '/', act: bad.answer(503) });
    let time = 1_000_000;
    const now = (): number => time;
    const transport = stack.use(createTransport({ headersMs: 2000, idleMs: 500 }));
    const settings = { [origin.host]: { mirrors: mirrors(), insecure: false, tokenServers: [] } };
    const registries = createRegistries({ transport, settings, log, now });
    const ask = () => small(registries.client({ insecure: [], credentials: account }));
    await ask();
    const before = first.requests.length;
    await ask();
    expect(first.requests.length).toBe(before);
    time += 31_000;
    await ask();
    expect(first.requests.length).toBeGreaterThan(before);
  });

  test('tells its own error when nobody has it, and stops at once when the client goes', async () => {
    for (const registry of [origin, first, second])
      registry.misbehave({ path: '/blobs/', act: bad.refuse(404, 'BLOB_UNKNOWN', 'blob unknown') });
    const failed = toSiloError(await small(clientWith(mirrors())).catch((error: unknown) => error));
    expect([failed.kind, failed.message.includes(origin.host)]).toEqual(['not-found', true]);
    const stop = new AbortController();
    first.behave();
    first.misbehave({ path: '/blobs/', act: () => stop.abort() });
    const opened = clientWith(mirrors()).blob(name(), described(config), { offset: 0, signal: stop.signal });
    expect(toSiloError(await opened.catch((error: unknown) => error)).kind).toBe('canceled');
  });
});
