import { expect, test } from 'bun:test';
import { toSiloError } from '../../../foundation/base/errors.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { sha256 } from '../../../foundation/oci/digest.ts';
import type { ImageIndex, ManifestDocument } from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import { walkIndex } from './index-tree.ts';

const entry = (name: string, mediaType: string = mediaTypes.ociManifest): Descriptor => ({
  mediaType,
  digest: sha256(name),
  size: 1,
});
const indexOf = (...manifests: Descriptor[]): ImageIndex => ({
  schemaVersion: 2,
  mediaType: mediaTypes.ociIndex,
  manifests,
});
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(String, (error: unknown) => toSiloError(error).code);

test('manifests of inner indexes are found, each digest once', async () => {
  const inner = entry('inner', mediaTypes.ociIndex);
  const root = indexOf(entry('a'), inner, entry('a'), inner);
  let opened = 0;
  const tree = await walkIndex(root, async (): Promise<ManifestDocument> => {
    opened++;
    return { kind: 'index', index: indexOf(entry('b'), entry('a'), inner) };
  });
  expect(tree.manifests.map(({ descriptor }) => descriptor.digest)).toEqual([sha256('a'), sha256('b')]);
  expect([tree.indexes.length, opened, tree.isCut]).toEqual([1, 1, false]);
});

test('an inner index that is not there cuts the tree', async () => {
  const tree = await walkIndex(indexOf(entry('inner', mediaTypes.dockerIndex)), async () => undefined);
  expect(tree.isCut).toBe(true);
});

test('attestations tell what they are about', async () => {
  const about = sha256('a');
  const attestation: Descriptor = {
    ...entry('b'),
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': about,
    },
  };
  const astray = { ...attestation, digest: sha256('c'), annotations: { 'vnd.docker.reference.digest': 'x' } };
  const tree = await walkIndex(indexOf(attestation, astray), async () => undefined);
  expect(tree.manifests.map(({ isAttestation, attests }) => [isAttestation, attests])).toEqual([
    [true, about],
    [false, undefined],
  ]);
});

test('what is too deep or too wide is left', async () => {
  let depth = 0;
  const deeper = async (): Promise<ManifestDocument> => ({
    kind: 'index',
    index: indexOf(entry(`depth ${depth++}`, mediaTypes.ociIndex)),
  });
  expect(await codeOf(walkIndex(indexOf(entry('top', mediaTypes.ociIndex)), deeper))).toBe('nested-index');
  expect(depth).toBeLessThan(5);
  const many = Array.from({ length: 60 }, (_, place) => entry(`${place}`, mediaTypes.ociIndex));
  expect(await codeOf(walkIndex(indexOf(...many), async () => undefined))).toBe('nested-index');
  let page = 0;
  const wide = async (): Promise<ManifestDocument> => {
    page++;
    return {
      kind: 'index',
      index: indexOf(...Array.from({ length: 1500 }, (_, place) => entry(`${page} ${place}`))),
    };
  };
  expect(await codeOf(walkIndex(indexOf(...many.slice(0, 3)), wide))).toBe('wide-index');
});
