import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { toSiloError, type SiloError } from '../../src/foundation/base/errors.ts';
import { parseDigest } from '../../src/foundation/oci/digest.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import type { RegistryAccess, RegistryPublisher } from '../../src/resources/distribution/distribution.ts';
import { createRegistryPublisher } from '../../src/resources/distribution/registry-publisher.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import { type HostileOptions, type HostileRegistry, startHostileRegistry } from './hostile-registry.ts';
import { answer, cutUpload, redirect, refuse, resetConnection, webPage } from './misbehaviours.ts';
import { blobOf } from './sample-image.ts';

const blob = blobOf('application/vnd.oci.image.layer.v1.tar+gzip', randomBytes(3_000_000));
const descriptor = {
  mediaType: blob.mediaType,
  digest: parseDigest(blob.digest),
  size: blob.bytes.byteLength,
};

let undo: AsyncDisposableStack;
beforeEach(() => void (undo = new AsyncDisposableStack()));
afterEach(() => undo.disposeAsync());

async function start(options: HostileOptions = {}): Promise<HostileRegistry> {
  return undo.use(await startHostileRegistry(options));
}

function publisher(access: Partial<RegistryAccess> = {}): RegistryPublisher {
  const transport = undo.use(createTransport({ headersMs: 5000, idleMs: 5000 }));
  return createRegistryPublisher({
    transport,
    access: { insecure: [], pushes: { mountsFrom: [] }, ...access },
    retry: { attempts: 3, baseMs: 1, maximumWaitMs: 1500 },
  });
}

async function* open({ start: from, end }: { start: number; end: number }): AsyncGenerator<Uint8Array> {
  for (let at = from; at < end; at += 100_000) yield blob.bytes.subarray(at, Math.min(end, at + 100_000));
}

const upload = (
  registry: HostileRegistry,
  more: { access?: Partial<RegistryAccess>; mountFrom?: string; onProgress?: (bytes: number) => void } = {},
): Promise<string> =>
  publisher(more.access).upload(parseReference(`${registry.host}/team/app:v1`), descriptor, {
    open,
    ...(more.mountFrom === undefined ? {} : { mountFrom: more.mountFrom }),
    ...(more.onProgress ? { onProgress: more.onProgress } : {}),
  });

async function failureOf(work: Promise<unknown>): Promise<SiloError> {
  return toSiloError(await work.then(() => new Error('it did not fail')).catch((error: unknown) => error));
}

const methods = (registry: HostileRegistry): string[] =>
  registry.requests.filter((each) => each.path.includes('/uploads/')).map((each) => each.method);

describe('a blob on its way to a registry', () => {
  test('goes in one request and is there with its digest', async () => {
    await using registry = await start();
    const seen: number[] = [];
    expect(await upload(registry, { onProgress: (bytes) => seen.push(bytes) })).toBe('uploaded');
    expect(registry.holders(blob.digest)).toEqual(['team/app']);
    expect(methods(registry)).toEqual(['POST', 'PUT']);
    expect(seen.at(-1)).toBe(blob.bytes.byteLength);
  });

  test('is seen there afterwards, and not before', async () => {
    await using registry = await start();
    const reference = parseReference(`${registry.host}/team/app:v1`);
    expect(await publisher().hasBlob(reference, descriptor)).toBe(false);
    await upload(registry);
    expect(await publisher().hasBlob(reference, descriptor)).toBe(true);
    expect(await publisher().hasBlob(reference, { ...descriptor, size: 5 })).toBe(false);
  });

  test('is mounted when another repository has it, and sent when it has not', async () => {
    await using registry = await start();
    await upload(registry);
    const other = parseReference(`${registry.host}/other/app:v1`);
    const access = { pushes: { mountsFrom: ['team/app', 'team/none'] } };
    expect(await publisher(access).upload(other, descriptor, { open, mountFrom: 'team/app' })).toBe(
      'mounted',
    );
    const third = parseReference(`${registry.host}/third/app:v1`);
    expect(await publisher(access).upload(third, descriptor, { open, mountFrom: 'team/none' })).toBe(
      'uploaded',
    );
    expect(registry.holders(blob.digest)).toEqual(['team/app', 'other/app', 'third/app']);
  });

  test('goes on after a broken connection where the registry says that it stopped', async () => {
    await using registry = await start();
    registry.misbehave({ path: '/uploads/session', act: cutUpload(1_500_000), times: 1 });
    expect(await upload(registry)).toBe('uploaded');
    const [, , status, rest] = registry.requests;
    expect(status?.method).toBe('GET');
    const from = Number(/^(\d+)-/.exec(String(rest?.headers['content-range']))?.[1]);
    expect(from).toBeGreaterThanOrEqual(1_500_000);
    expect(registry.holders(blob.digest)).toEqual(['team/app']);
  });

  test('begins again when the registry has forgotten the upload', async () => {
    await using registry = await start();
    registry.misbehave({
      path: '/uploads/session',
      act: refuse(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry'),
      times: 1,
    });
    expect(await upload(registry)).toBe('uploaded');
    expect(methods(registry)).toEqual(['POST', 'PUT', 'POST', 'PUT']);
  });

  test('waits as long as a busy registry asks', async () => {
    await using registry = await start();
    for (const path of [/uploads\/session/, /uploads\/$/])
      registry.misbehave({ path, act: answer(429, '', { 'retry-after': '1' }), times: 1 });
    const begun = performance.now();
    expect(await upload(registry)).toBe('uploaded');
    expect(performance.now() - begun).toBeGreaterThan(1900);
  });

  test('fails after some attempts at a registry that always breaks', async () => {
    await using registry = await start();
    registry.misbehave({ path: '/uploads/session', act: resetConnection });
    expect((await failureOf(upload(registry))).kind).toBe('unavailable');
    expect(methods(registry).length).toBeLessThan(20);
  });

  test('asks for the rights to push and to mount, and for no others', async () => {
    await using registry = await start({
      authentication: { kind: 'bearer', username: 'ali', password: 'x' },
    });
    const credentials = { username: 'ali', password: 'x' };
    await upload(registry, { access: { credentials, pushes: { mountsFrom: ['team/base'] } } });
    const token = registry.requests.find((each) => each.path.startsWith('/token'));
    const scopes = new URL(token?.path ?? '/', 'http://x').searchParams.getAll('scope');
    expect(scopes).toEqual(['repository:team/app:pull,push', 'repository:team/base:pull']);
  });

  test('never takes the password to another server', async () => {
    const authentication = { kind: 'basic', username: 'ali', password: 'x' } as const;
    await using registry = await start({ authentication });
    await using thief = await start();
    registry.misbehave({
      path: /uploads\/$/,
      act: ({ request, response, serve }) => {
        if (request.headers.authorization === undefined) return serve();
        response
          .writeHead(202, { location: `${thief.origin}/v2/team/app/blobs/uploads/x`, 'content-length': 0 })
          .end();
      },
    });
    await failureOf(upload(registry, { access: { credentials: { username: 'ali', password: 'x' } } }));
    expect(thief.requests.length).toBeGreaterThan(0);
    expect(thief.requests.every((each) => each.headers.authorization === undefined)).toBe(true);
  });

  test.each([
    ['file:///etc/passwd', 'bad-redirect'],
    ['http://user:pass@127.0.0.1/x', 'bad-redirect'],
    ['http://169.254.169.254/latest', 'reserved-address'],
  ])('is not sent to %s', async (location, code) => {
    await using registry = await start();
    registry.misbehave({ path: /uploads\/$/, act: answer(202, '', { location }) });
    expect((await failureOf(upload(registry))).code).toBe(code);
  });

  test.each([
    ['a page for people', webPage],
    ['no Location', answer(202)],
    [
      'a redirect that changes the method',
      ({ response }: Parameters<typeof webPage>[0]) =>
        void response.writeHead(302, { location: '/', 'content-length': 0 }).end(),
    ],
    ['circles', redirect('/v2/team/app/blobs/uploads/')],
  ])('fails clearly when the registry answers with %s', async (_, act) => {
    await using registry = await start();
    registry.misbehave({ path: /uploads\//, act });
    const failure = await failureOf(upload(registry));
    expect(['unavailable', 'internal', 'invalid']).toContain(failure.kind);
    expect(failure.message).toContain('/uploads/');
  });

  test('is not believed to be there under another digest', async () => {
    await using registry = await start();
    registry.misbehave({
      path: /session/,
      act: answer(201, '', { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }),
    });
    expect((await failureOf(upload(registry))).code).toBe('digest-mismatch');
  });

  test('is refused in the words on which clients match', async () => {
    await using registry = await start();
    registry.misbehave({
      path: /uploads\//,
      act: refuse(403, 'DENIED', 'requested access to the resource is denied'),
    });
    const failure = await failureOf(upload(registry));
    expect(failure.message).toBe('denied: requested access to the resource is denied');
  });
});
