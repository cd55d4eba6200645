import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import { startLocalRegistry } from '../registry-server/harness.ts';
import { openImages, type OpenImages } from './open-images.ts';
import { firstOf, referenceIn, signedImage } from './samples.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import { parseIndex } from '../../src/foundation/oci/manifest.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: unpacking layers needs root');

describe.if(isRoot)('what is about an image', () => {
  const { image, signature, note, lists } = signedImage();
  let registry: HostileRegistry;
  let at: OpenImages;
  beforeEach(async () => {
    registry = await startHostileRegistry();
    at = await openImages();
    for (const [tag, each] of Object.entries({ v1: image, ...lists })) registry.add('team/signed', tag, each);
  });
  afterEach(async () => {
    await at[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });
  const pull = (platform?: 'all') =>
    at.images.pull({ reference: referenceIn(registry, 'team/signed:v1'), ...(platform ? { platform } : {}) });
  const artifacts = (): string[] =>
    at.images
      .list()
      .filter(({ form }) => form === 'artifact')
      .map(({ manifestDigest }) => manifestDigest)
      .toSorted();
  const both = [firstOf(signature).digest, firstOf(note).digest].toSorted();
  /** Subject and what a registry lists as being about it. */
  const expected = [
    [firstOf(image).digest, firstOf(signature).digest],
    [firstOf(signature).digest, firstOf(note).digest],
  ] as const;

  test('comes along with all platforms, and not with one', async () => {
    await pull();
    expect(artifacts()).toEqual([]);
    await pull('all');
    expect(artifacts()).toEqual(both);
    const digest = firstOf(signature).digest;
    expect(at.images.resolve(`${registry.host}/team/signed@${digest}`).tags).toEqual([]);
  });

  test('a registry that answers each question with the same list without end, or with nonsense, does no harm', async () => {
    // Each list names what the last one named, and one more.
    registry.misbehave({
      path: /\/referrers\//,
      act: ({ response }) => {
        const manifests = [signature, note].map((each) => ({
          mediaType: firstOf(each).mediaType,
          digest: firstOf(each).digest,
          size: firstOf(each).bytes.byteLength,
        }));
        response.writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' });
        response.end(JSON.stringify({ schemaVersion: 2, manifests }));
      },
    });
    await pull('all');
    expect(artifacts()).toEqual(both);
    registry.misbehave({
      path: /\/referrers\//,
      act: ({ response }) => void response.end('{"manifests": 7}'),
    });
    const failure = await pull('all').catch((error: unknown) => error);
    expect(String(failure)).toContain('schemaVersion');
  });

  test('goes along to a registry that lists nothing itself, where the tag for it lists it, once', async () => {
    await pull('all');
    const target = referenceIn(registry, 'copy/signed:v2');
    await at.images.tag(`${registry.host}/team/signed:v1`, target);
    for (let time = 0; time < 2; time++) await at.images.push({ reference: target });
    for (const [subject, about] of expected) {
      expect(registry.manifest('copy/signed', about)).toBeDefined();
      const list = registry.manifest('copy/signed', subject.replace(':', '-'));
      expect(parseIndex(list?.bytes ?? Buffer.from('')).manifests.map(({ digest }) => digest)).toEqual([
        about as never,
      ]);
    }
  });

  test('goes along to a registry that lists it', async () => {
    await pull('all');
    await using server = await startLocalRegistry();
    const target = parseReference(`${server.host}/copy/signed:v2`);
    await at.images.tag(`${registry.host}/team/signed:v1`, target);
    await at.images.push({ reference: target });
    for (const [subject, about] of expected) {
      const answer = await fetch(`http://${server.host}/v2/copy/signed/referrers/${subject}`);
      const { manifests } = (await answer.json()) as { manifests: { digest: string }[] };
      expect(manifests.map(({ digest }) => digest)).toEqual([about]);
    }
    const tags = await fetch(`http://${server.host}/v2/copy/signed/tags/list`);
    expect(((await tags.json()) as { tags: string[] }).tags).toEqual(['v2']);
  });
});
