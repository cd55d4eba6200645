import { describe, expect, test } from 'bun:test';
import { isKind, type ErrorKind } from '../base/errors.ts';
import { parseImageConfig } from './image-config.ts';
import {
  manifestLimits,
  parseIndex,
  parseManifest,
  parseManifestDocument,
  requireImageManifest,
} from './manifest.ts';
import { layerType, mediaTypes } from './media-types.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const config = { mediaType: mediaTypes.ociConfig, digest, size: 10 };
const layer = { mediaType: mediaTypes.ociLayerGzip, digest, size: 20 };
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] };
const index = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociIndex,
  manifests: [{ ...config, mediaType: mediaTypes.ociManifest }],
};
const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

function kindOf(work: () => unknown): ErrorKind | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return (['invalid', 'corrupt', 'unsupported', 'internal'] as const).find((kind) => isKind(error, kind));
  }
}

describe('manifest documents', () => {
  test('a manifest and an index are read', () => {
    expect(parseManifest(bytes(manifest)).layers).toEqual([layer as never]);
    expect(parseIndex(bytes(index), mediaTypes.ociIndex).manifests).toHaveLength(1);
    expect(parseManifestDocument(bytes(index)).kind).toBe('index');
  });

  test('the media type may come from outside, from inside, or from the shape', () => {
    const { mediaType: _, ...bare } = manifest;
    expect(parseManifest(bytes(bare)).mediaType).toBe(mediaTypes.ociManifest);
    expect(parseManifest(bytes(bare), mediaTypes.dockerManifest).mediaType).toBe(mediaTypes.dockerManifest);
    expect(parseManifest(bytes(manifest), 'application/json; charset=utf-8').mediaType).toBe(
      mediaTypes.ociManifest,
    );
    expect(parseIndex(bytes({ schemaVersion: 2, manifests: [] })).mediaType).toBe(mediaTypes.ociIndex);
  });

  test('embedded data of a descriptor is not kept', () => {
    expect(parseManifest(bytes({ ...manifest, config: { ...config, data: 'AAAA' } })).config).toEqual(
      config as never,
    );
  });

  const refused: [string, unknown, ErrorKind, string?][] = [
    ['both layers and manifests (CVE-2021-41190)', { ...manifest, ...index }, 'invalid'],
    ['an index with config', { ...index, config }, 'invalid'],
    ['a manifest type with only manifests', { ...index, mediaType: mediaTypes.ociManifest }, 'invalid'],
    ['an index type with layers', { ...manifest, mediaType: mediaTypes.ociIndex }, 'invalid'],
    ['another type outside than inside', manifest, 'invalid', mediaTypes.ociIndex],
    ['docker outside and oci inside', manifest, 'invalid', mediaTypes.dockerManifest],
    ['schema 1', { schemaVersion: 1, fsLayers: [] }, 'unsupported'],
    ['schema 1 by type', '{}', 'unsupported', 'application/vnd.docker.distribution.manifest.v1+prettyjws'],
    ['schema version 3', { ...manifest, schemaVersion: 3 }, 'invalid'],
    ['an unknown type', { ...manifest, mediaType: 'text/x' }, 'unsupported'],
    ['no config', { ...manifest, config: null }, 'invalid'],
    ['no layers', { ...manifest, layers: undefined }, 'invalid'],
    ['layers that are no array', { ...manifest, layers: {} }, 'invalid'],
    ['a layer that is null', { ...manifest, layers: [null] }, 'invalid'],
    ['a digest with a path', { ...manifest, layers: [{ ...layer, digest: 'sha256:../../x' }] }, 'invalid'],
    [
      'an upper-case digest',
      { ...manifest, layers: [{ ...layer, digest: digest.toUpperCase() }] },
      'invalid',
    ],
    ['a negative size', { ...manifest, layers: [{ ...layer, size: -1 }] }, 'corrupt'],
    ['a huge size', { ...manifest, layers: [{ ...layer, size: 2 ** 50 }] }, 'corrupt'],
    ['a fractional size', { ...manifest, layers: [{ ...layer, size: 1.5 }] }, 'invalid'],
    ['a size as text', { ...manifest, layers: [{ ...layer, size: '1' }] }, 'invalid'],
    ['too many layers', { ...manifest, layers: Array.from({ length: 481 }, () => layer) }, 'invalid'],
    ['a huge configuration', { ...manifest, config: { ...config, size: 9_000_000 } }, 'invalid'],
    ['too many entries', { ...index, manifests: Array.from({ length: 2001 }, () => layer) }, 'invalid'],
    ['HTML', '<html>', 'corrupt'],
    ['an array', '[]', 'invalid'],
    ['null', 'null', 'invalid'],
    ['deep nesting', '['.repeat(1_000_000), 'corrupt'],
    ['too long a document', ' '.repeat(manifestLimits.documentBytes + 1), 'invalid'],
  ];
  test.each(refused.map((row) => ({ row })))('$row.0 is refused', ({ row: [, document, kind, outside] }) => {
    expect(kindOf(() => parseManifestDocument(bytes(document), outside))).toBe(kind);
  });

  test('an artifact is told from an image', () => {
    expect(() => requireImageManifest(parseManifest(bytes(manifest)))).not.toThrow();
    const chart = {
      ...manifest,
      layers: [{ ...layer, mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip' }],
    };
    expect(kindOf(() => requireImageManifest(parseManifest(bytes(chart))))).toBe('unsupported');
  });
});

test('layer types tell compression and foreignness', () => {
  expect(layerType(mediaTypes.dockerLayerGzip)).toEqual({ compression: 'gzip', foreign: false });
  expect(layerType(mediaTypes.ociLayerZstd)).toEqual({ compression: 'zstd', foreign: false });
  expect(layerType('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')).toEqual({
    compression: 'gzip',
    foreign: true,
  });
  expect(layerType('constructor')).toBeUndefined();
});

describe('image configuration', () => {
  test('nulls count as absent and unknown fields are dropped', () => {
    const parsed = parseImageConfig(
      bytes({
        architecture: 'amd64',
        os: 'linux',
        created: null,
        history: null,
        container: 'x',
        config: {
          Env: null,
          Cmd: ['sh'],
          Entrypoint: null,
          Labels: { ['__proto__']: 'x', a: null },
          ExposedPorts: { '80/tcp': {} },
        },
        rootfs: { type: 'layers', diff_ids: [digest] },
      }),
      1,
    );
    expect(parsed).toEqual({
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['sh'], Labels: JSON.parse('{"__proto__":"x","a":""}'), ExposedPorts: { '80/tcp': {} } },
      rootfs: { type: 'layers', diff_ids: [digest as never] },
    });
  });

  test('a null config and null diff ids of an empty image are fine', () => {
    expect(
      parseImageConfig(bytes({ config: null, rootfs: { type: 'layers', diff_ids: null } }), 0).rootfs
        .diff_ids,
    ).toEqual([]);
  });

  test.each([
    ['fewer diff ids than layers', { rootfs: { diff_ids: [] } }],
    ['a diff id that is no digest', { rootfs: { diff_ids: ['x'] } }],
    ['Env that is a string', { config: { Env: 'A=b' }, rootfs: { diff_ids: [digest] } }],
    ['Labels with numbers', { config: { Labels: { a: 1 } }, rootfs: { diff_ids: [digest] } }],
  ])('%s is refused', (_, document) => {
    expect(kindOf(() => parseImageConfig(bytes(document), 1))).toBe('invalid');
  });
});
