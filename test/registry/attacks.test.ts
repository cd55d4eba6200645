import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { toSiloError, type SiloError } from '../../src/foundation/base/errors.ts';
import { parseDigest } from '../../src/foundation/oci/digest.ts';
import { parsePlatform } from '../../src/foundation/oci/platform.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import { createRegistryClient } from '../../src/resources/distribution/registry-client.ts';
import { fetchSmallBlob, resolveImage } from '../../src/resources/distribution/resolve-image.ts';
import { retryAfterMs } from '../../src/resources/distribution/retry.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import { type HostileRegistry, startHostileRegistry } from './hostile-registry.ts';
import * as bad from './misbehaviours.ts';
import { blobOf, pointer, sampleImage } from './sample-image.ts';

const transport = createTransport({ headersMs: 5000, idleMs: 5000 });
const retry = { attempts: 2, baseMs: 1, maximumWaitMs: 2000 };
const client = createRegistryClient({ transport, access: { insecure: [] }, retry });
const image = sampleImage();
const [manifest] = image.documents;
const [config] = image.blobs;
if (!manifest || !config) throw new Error('the sample is not as expected');
const platform = parsePlatform('linux');
const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
};

let registry: HostileRegistry;
beforeAll(async () => {
  registry = await startHostileRegistry();
  registry.add('team/app', 'v1', image);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  transport[Symbol.dispose]();
});
beforeEach(() => {
  registry.behave();
  registry.requests.length = 0;
});

async function failure(work: Promise<unknown>): Promise<SiloError> {
  return toSiloError(
    await work.then(
      () => new Error('it succeeded'),
      (error: unknown) => error,
    ),
  );
}
/** Publishes a document as it is, true digest and all. */
function publish(mediaType: string, document: unknown): ReturnType<typeof parseReference> {
  const blob = blobOf(mediaType, JSON.stringify(document));
  registry.add('team/odd', 'v1', { documents: [blob], blobs: [] });
  return parseReference(`${registry.host}/team/odd:v1`);
}
const resolve = (reference: ReturnType<typeof parseReference>) =>
  resolveImage({ client, reference, platform });

/** A server below HTTP: `answer` writes whatever it likes in place of a manifest. */
async function rawRegistry(
  answer: (socket: Socket) => void,
): Promise<AsyncDisposable & { reference: ReturnType<typeof parseReference> }> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    socket.once('data', (data) => {
      // What asks for TLS is told no.
      if (data[0] === 22) return void socket.destroy();
      if (data.toString().startsWith('GET /v2/ '))
        return void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      answer(socket);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    reference: parseReference(`127.0.0.1:${port}/team/app:v1`),
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a hostile registry', () => {
  test('that cuts its answer at any byte gives an error each time, and no image', async () => {
    const head = `HTTP/1.1 200 OK\r\nContent-Type: ${manifest.mediaType}\r\nContent-Length: ${manifest.bytes.byteLength}\r\n\r\n`;
    const answer = Buffer.concat([Buffer.from(head), manifest.bytes]);
    let cut = 0;
    await using server = await rawRegistry((socket) => void socket.end(answer.subarray(0, cut)));
    const single = createRegistryClient({
      transport,
      access: { insecure: [] },
      retry: { ...retry, attempts: 1 },
    });
    for (cut = 0; cut < answer.byteLength; cut += cut < head.length ? 1 : 7) {
      const error = await failure(single.manifest(server.reference));
      expect([cut, error.kind]).toEqual([cut, 'unavailable']);
    }
    cut = answer.byteLength;
    expect((await single.manifest(server.reference)).digest).toBe(parseDigest(manifest.digest));
  }, 60_000);

  test('with a manifest of 100 MB is left after the limit', async () => {
    let sent = 0;
    registry.misbehave({
      path: '/manifests/',
      act: ({ response }) => {
        response.writeHead(200, { 'content-type': types.manifest, 'content-length': 100_000_000 });
        const piece = Buffer.alloc(256 * 1024, ' ');
        const more = (): void => {
          while (!response.destroyed && sent < 100_000_000) {
            sent += piece.byteLength;
            if (!response.write(piece)) return;
          }
        };
        response.on('drain', more);
        more();
      },
    });
    const error = await failure(client.manifest(parseReference(`${registry.host}/team/app:v1`)));
    expect(error).toMatchObject({ kind: 'corrupt', code: 'too-long' });
    expect(sent).toBeLessThan(50_000_000);
  });

  test.each([
    [
      '10,000 layers',
      types.manifest,
      { config: pointer(config), layers: Array.from({ length: 10_000 }, () => pointer(config)) },
    ],
    ['10,000 platforms', types.index, { manifests: Array.from({ length: 10_000 }, () => pointer(manifest)) }],
    [
      'a layer of -1 bytes',
      types.manifest,
      { config: pointer(config), layers: [{ ...pointer(config), size: -1 }] },
    ],
    [
      'a layer of 2 TiB',
      types.manifest,
      { config: pointer(config), layers: [{ ...pointer(config), size: 2 ** 41 }] },
    ],
    ['no configuration', types.manifest, { layers: [] }],
    ['no layers at all', types.manifest, { config: pointer(config) }],
    [
      'a configuration of 9 MB',
      types.manifest,
      { config: { ...pointer(config), size: 9_000_000 }, layers: [] },
    ],
    ['both shapes at once', types.manifest, { config: pointer(config), layers: [], manifests: [] }],
  ])('with a manifest of %s is refused before anything is fetched', async (_, type, document) => {
    const reference = publish(type, { schemaVersion: 2, mediaType: type, ...document });
    const error = await failure(resolve(reference));
    expect(['invalid', 'corrupt']).toContain(error.kind);
    expect(registry.requests.filter(({ path }) => path.includes('/blobs/'))).toEqual([]);
  });

  test('that calls a manifest an index, or the other way round, is refused', async () => {
    const reference = parseReference(`${registry.host}/team/app:v1`);
    registry.misbehave({
      path: '/manifests/',
      act: ({ response, body }) =>
        void response.writeHead(200, { 'content-type': types.index }).end(body?.bytes),
    });
    expect(await failure(resolve(reference))).toMatchObject({ kind: 'invalid', code: 'ambiguous-manifest' });
  });

  test('with more headers than anybody takes is left', async () => {
    const filler = `X-Filler: ${'x'.repeat(4000)}\r\n`.repeat(500);
    await using server = await rawRegistry((socket) => void socket.write(`HTTP/1.1 200 OK\r\n${filler}`));
    const error = await failure(client.manifest(server.reference));
    expect([error.kind, error.code]).toEqual(['unavailable', 'not-http']);
  });

  test('cannot send us to addresses in descriptors', async () => {
    const elsewhere = await startHostileRegistry();
    await using _ = elsewhere;
    const layer = { ...pointer(config), urls: [`${elsewhere.origin}/blob`, 'file:///etc/passwd'] };
    const document = { schemaVersion: 2, mediaType: types.manifest, config: layer, layers: [] };
    const reference = publish(types.manifest, document);
    const { manifest: found } = await resolve(reference);
    await fetchSmallBlob({ client, reference, descriptor: found.config, limitBytes: 100_000 });
    expect(elsewhere.requests).toEqual([]);
  });

  test('says how long to wait in seconds or as a date; more than the limit is told, not waited for', async () => {
    const now = Date.parse('2026-11-21T12:00:00Z');
    expect(retryAfterMs('3', now)).toBe(3000);
    expect(retryAfterMs('Sat, 21 Nov 2026 12:00:05 GMT', now)).toBe(5000);
    expect(retryAfterMs('Sat, 21 Nov 2026 11:00:00 GMT', now)).toBe(0);
    for (const odd of ['', 'soon', '-5', '1e9', '99999999999', undefined])
      expect(retryAfterMs(odd, now) ?? 0).toBe(0);
    const soon = (ms: number): string => new Date(Date.now() + ms).toUTCString();
    registry.misbehave({
      path: '/manifests/',
      act: bad.answer(503, '', { 'retry-after': soon(1000) }),
      times: 1,
    });
    await client.manifest(parseReference(`${registry.host}/team/app:v1`));
    registry.misbehave({ path: '/manifests/', act: bad.answer(429, '', { 'retry-after': soon(3_600_000) }) });
    registry.requests.length = 0;
    const error = await failure(client.manifest(parseReference(`${registry.host}/team/app:v1`)));
    expect([error.code, registry.requests.length]).toEqual(['too-many-requests', 1]);
  });

  test('knows tags of 128 characters; longer ones and upper-case names never reach it', async () => {
    const tag = 't'.repeat(128);
    registry.add('team/app', tag, image);
    expect((await client.manifest(parseReference(`${registry.host}/team/app:${tag}`))).digest).toBe(
      parseDigest(manifest.digest),
    );
    registry.requests.length = 0;
    for (const name of [`team/app:${tag}t`, 'Team/app:v1'])
      expect(() => parseReference(`${registry.host}/${name}`)).toThrow('invalid reference format');
    expect(registry.requests).toEqual([]);
  });
});
