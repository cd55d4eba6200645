import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { type SiloError, toSiloError } from '../../src/foundation/base/errors.ts';
import { parsePlatform } from '../../src/foundation/oci/platform.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import type { PushedTag, PushProgress } from '../../src/engine/image/transfers.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import { answer, refuse } from '../registry/misbehaviours.ts';
import { missingPeers, peerUser, startPeerRegistry } from '../registry/peer-registry.ts';
import { sampleIndex, tarOf } from '../registry/sample-image.ts';
import { openImages, type OpenImages } from './open-images.ts';
import { imageOf, layerBlobs, layerOf, referenceIn } from './samples.ts';

const image = imageOf([
  layerOf({ 'bin/noise': randomBytes(400_000) }),
  layerOf({ 'etc/greeting': 'hello\n' }),
]);

let registry: HostileRegistry;
let at: OpenImages;
beforeEach(async () => {
  registry = await startHostileRegistry();
  at = await openImages();
});
afterEach(async () => {
  await at[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const top = (of = image): string => of.documents[0]?.digest ?? '';
const progress: PushProgress[] = [];
const push = (name: string, more: { platform?: string } = {}): Promise<PushedTag[]> =>
  at.images.push({
    reference: referenceIn(registry, name),
    onProgress: (each) => progress.push(each),
    ...(more.platform === undefined ? {} : { platform: parsePlatform(more.platform) }),
  });
async function pulled(name = 'team/app:v1', of = image): Promise<string> {
  const [path = '', tag = ''] = name.split(':');
  registry.add(path, tag, of);
  return (await at.images.pull({ reference: referenceIn(registry, name) })).image.id;
}
async function failureOf(work: Promise<unknown>): Promise<SiloError> {
  return toSiloError(await work.then(() => new Error('it did not fail')).catch((error: unknown) => error));
}

describe('an image that is pushed', () => {
  test('is in the registry as it came: the same manifest under the same digest', async () => {
    const id = await pulled();
    await at.images.tag(id, referenceIn(registry, 'copy/app:v2'));
    const [done] = await push('copy/app:v2');
    expect(done).toMatchObject({ tag: 'v2', digest: top() });
    expect(registry.manifest('copy/app', 'v2')?.bytes).toEqual(image.documents[0]?.bytes);
    expect(registry.manifest('copy/app', 'v2')?.mediaType).toBe(image.documents[0]?.mediaType);
    for (const blob of image.blobs) expect(registry.holders(blob.digest)).toContain('copy/app');
  });

  test('is known by its digest there, and announced', async () => {
    const id = await pulled();
    await at.images.tag(id, referenceIn(registry, 'copy/app:v2'));
    await push('copy/app:v2');
    expect(at.images.resolve(id).digests).toContain(`${registry.host}/copy/app@${top()}`);
    expect(at.events.at(-1)).toMatchObject({
      type: 'image',
      action: 'push',
      id: `${registry.host}/copy/app:v2`,
    });
  });

  test('sends nothing twice', async () => {
    const id = await pulled();
    await at.images.tag(id, referenceIn(registry, 'copy/app:v2'));
    await push('copy/app:v2');
    registry.requests.length = 0;
    progress.length = 0;
    await push('copy/app:v2');
    expect(registry.requests.map((each) => each.method).toSorted()).toEqual(['HEAD', 'HEAD', 'HEAD', 'PUT']);
    expect(progress.filter((each) => each.kind === 'layer' && each.phase === 'exists')).toHaveLength(2);
  });

  test('takes layers from another repository of the registry instead of sending them', async () => {
    const id = await pulled();
    for (const name of ['first/app:v1', 'second/app:v1'])
      await at.images.tag(id, referenceIn(registry, name));
    await push('first/app:v1');
    await at.images.remove(`${registry.host}/team/app:v1`, { force: false, prune: true });
    registry.requests.length = 0;
    await push('second/app:v1');
    expect(registry.requests.some((each) => each.path.includes('mount='))).toBe(true);
    expect(registry.requests.some((each) => each.path.includes('digest='))).toBe(false);
    for (const blob of image.blobs) expect(registry.holders(blob.digest)).toContain('second/app');
  });

  test('with all tags goes under each of them', async () => {
    const id = await pulled();
    for (const tag of ['one', 'two', 'three'])
      await at.images.tag(id, referenceIn(registry, `copy/app:${tag}`));
    const done = await push('copy/app');
    expect(done.map((each) => each.tag)).toEqual(['one', 'three', 'two']);
    for (const tag of ['one', 'two', 'three']) expect(registry.manifest('copy/app', tag)?.digest).toBe(top());
  });

  test('that was part of an index is pushed as the manifest of its platform', async () => {
    const platform = `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
    const id = await pulled('team/multi:v1', sampleIndex({ [platform]: image }));
    await at.images.tag(id, referenceIn(registry, 'copy/multi:v1'));
    expect((await push('copy/multi:v1', { platform }))[0]?.digest as string).toBe(top());
    const failure = await failureOf(push('copy/multi:v1', { platform: 'linux/s390x' }));
    expect(failure.message).toContain('does not provide the specified platform (linux/s390x)');
  });

  test('has its layer fetched again where it came from, when it was here unpacked from other bytes', async () => {
    const files = { 'srv/data': 'the same files\n' };
    const gzip = layerOf(files);
    const zstd = {
      bytes: zstdCompressSync(tarOf(files)),
      diffId: gzip.diffId,
      mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd',
    };
    await pulled('team/gzip:v1', imageOf([gzip]));
    const other = imageOf([zstd], { author: 'another' });
    const id = await pulled('team/zstd:v1', other);
    const digest = layerBlobs(other)[0]?.digest ?? '';
    expect((await at.content.list()).some((blob) => blob.digest === digest)).toBe(false);
    await at.images.tag(id, referenceIn(registry, 'copy/zstd:v1'));
    expect((await push('copy/zstd:v1'))[0]?.digest as string).toBe(top(other));
    expect(registry.holders(digest)).toContain('copy/zstd');
  });

  test('keeps the manifest that its name meant, of an image that came with two', async () => {
    const gzip = layerOf({ 'srv/data': 'twice\n' });
    const mediaType = 'application/vnd.oci.image.layer.v1.tar+zstd';
    const bytes = zstdCompressSync(tarOf({ 'srv/data': 'twice\n' }));
    const first = imageOf([gzip]);
    const second = imageOf([{ bytes, diffId: gzip.diffId, mediaType }]);
    expect(await pulled('team/gzip:v1', first)).toBe(await pulled('team/zstd:v1', second));
    await at.images.tag(`${registry.host}/team/zstd:v1`, referenceIn(registry, 'copy/zstd:v1'));
    expect((await push('team/zstd:v1'))[0]?.digest as string).toBe(top(second));
    expect((await push('team/gzip:v1'))[0]?.digest as string).toBe(top(first));
  });

  test('is refused with a hint when a layer is only here unpacked and nowhere else any more', async () => {
    const gzip = layerOf({ 'srv/data': 'kept nowhere\n' });
    const tar = tarOf({ 'srv/data': 'kept nowhere\n' });
    await pulled('team/gzip:v1', imageOf([gzip]));
    const mediaType = 'application/vnd.oci.image.layer.v1.tar+zstd';
    const other = imageOf([{ bytes: zstdCompressSync(tar), diffId: gzip.diffId, mediaType }], {
      author: 'another',
    });
    const id = await pulled('team/zstd:v1', other);
    await at.images.tag(id, referenceIn(registry, 'copy/zstd:v1'));
    registry.misbehave({ path: '/team/zstd/blobs', act: refuse(404, 'BLOB_UNKNOWN', 'blob unknown') });
    const failure = await failureOf(push('copy/zstd:v1'));
    expect(failure.message).toContain('is here unpacked only');
    expect(failure.hint).toContain('pulled from');
    expect(registry.manifest('copy/zstd', 'v1')).toBeUndefined();
  });

  test("is refused in Docker's words when there is no such name, tag or platform", async () => {
    await pulled();
    expect((await failureOf(push('none/app:v1'))).message).toBe(
      `An image does not exist locally with the tag: ${registry.host}/none/app`,
    );
    expect((await failureOf(push('team/app:v9'))).message).toBe(
      `tag does not exist: ${registry.host}/team/app:v9`,
    );
    expect((await failureOf(push(`team/app@${top()}`))).message).toBe('cannot push a digest reference');
  });

  test('is not believed to be there when the registry stored another manifest', async () => {
    const id = await pulled();
    await at.images.tag(id, referenceIn(registry, 'copy/app:v2'));
    registry.misbehave({
      path: '/manifests/v2',
      act: answer(201, '', { 'docker-content-digest': `sha256:${'1'.repeat(64)}` }),
    });
    expect((await failureOf(push('copy/app:v2'))).code).toBe('digest-mismatch');
    expect(at.images.resolve(id).digests).not.toContain(`${registry.host}/copy/app@${top()}`);
  });

  test('stops when its client leaves', async () => {
    const id = await pulled();
    await at.images.tag(id, referenceIn(registry, 'copy/app:v2'));
    const leaving = new AbortController();
    registry.misbehave({ path: '/uploads/', act: () => leaving.abort() });
    const failure = await failureOf(
      at.images.push({ reference: referenceIn(registry, 'copy/app:v2'), signal: leaving.signal }),
    );
    expect(failure.kind).toBe('canceled');
  });
});

const missing = missingPeers();
if (missing.length > 0) console.log(`skipped: not installed: ${missing.join(', ')}`);

describe.skipIf(missing.length > 0).each([false, true])("Debian's registry (password: %p)", (password) => {
  test('takes a push, and skopeo and we read the same digest back', async () => {
    await using peer = await startPeerRegistry({ password });
    const id = await pulled();
    const reference = parseReference(`${peer.host}/copy/app:v1`);
    await at.images.tag(id, reference);
    const credentials = password ? { credentials: peerUser } : {};
    expect((await at.images.push({ reference, ...credentials }))[0]?.digest as string).toBe(top());
    const again = parseReference(`${peer.host}/copy/other:v1`);
    await at.images.tag(id, again);
    const phases: string[] = [];
    await at.images.push({
      reference: again,
      ...credentials,
      onProgress: (each) => void (each.kind === 'layer' && phases.push(each.phase)),
    });
    expect(phases.filter((phase) => phase === 'mounted')).toHaveLength(2);

    const login = password ? [`--creds=${peerUser.username}:${peerUser.password}`] : [];
    const seen = spawnSync(
      'skopeo',
      [
        'inspect',
        '--format',
        '{{.Digest}}',
        '--tls-verify=false',
        ...login,
        `docker://${peer.host}/copy/other:v1`,
      ],
      { encoding: 'utf8', timeout: 30_000 },
    );
    expect(seen.stdout.trim()).toBe(top());
    await using second = await openImages();
    const back = await second.images.pull({ reference, ...credentials });
    expect([back.digest as string, back.image.id as string]).toEqual([top(), id]);
    if (password)
      expect((await failureOf(at.images.push({ reference }))).message).toBe('no basic auth credentials');
  });
});
