import { expect, test } from 'bun:test';
import type { ImageManifestJson, ImageSummaryJson } from '../../../foundation/wire/docker/image.ts';
import type { ImageLayersJson } from '../../../foundation/wire/silo/manifests.ts';
import { formatLayerTree } from './layer-tree.ts';
import { formatPlatformTree } from './platform-tree.ts';

const id = (digit: string): string => `sha256:${digit.repeat(64)}`;

test('layers are shown once, with who shares them and what is an image’s own', () => {
  const image = (digit: string, name: string, layers: [string, number][]): ImageLayersJson => ({
    Id: id(digit),
    RepoTags: name === '' ? [] : [name],
    Size: layers.reduce((sum, [, size]) => sum + size, 0),
    Layers: layers.map(([layer, size]) => ({ ID: id(layer), Size: size })),
  });
  const images = [
    image('1', 'base:1', [['a', 100]]),
    image('2', 'app:1', [
      ['a', 100],
      ['b', 20],
      ['c', 3],
    ]),
    image('3', '', [['d', 7]]),
  ];
  expect(formatLayerTree(images, { wanted: undefined, full: false })).toBe(
    [
      'layer aaaaaaaaaaaa 100B, shared by 2',
      '├─ base:1 111111111111 100B, 0B of its own',
      '└─ layer bbbbbbbbbbbb 20B',
      '   └─ layer cccccccccccc 3B',
      '      └─ app:1 222222222222 123B, 23B of its own',
      'layer dddddddddddd 7B',
      '└─ <none> 333333333333 7B, 7B of its own',
      '',
    ].join('\n'),
  );
  expect(formatLayerTree(images, { wanted: new Set([id('1')]), full: false })).toBe(
    'layer aaaaaaaaaaaa 100B, shared by 2\n└─ base:1 111111111111 100B, 0B of its own\n',
  );
});

test('platforms stand below the image of which they are', () => {
  const manifest = (digit: string, architecture: string, bytes: number): ImageManifestJson => ({
    ID: id(digit),
    Descriptor: { mediaType: '', digest: id(digit), size: 1 },
    Available: bytes > 0,
    Size: { Content: bytes, Total: bytes * 2 },
    Kind: 'image',
    ImageData: {
      Platform: { os: 'linux', architecture },
      Containers: digit === '1' ? ['c'] : [],
      Size: { Unpacked: bytes },
    },
  });
  const image = {
    Id: id('9'),
    RepoTags: ['app:1', 'app:2'],
    Manifests: [manifest('1', 'amd64', 10), manifest('2', 'arm64', 0)],
  } as unknown as ImageSummaryJson;
  expect(
    formatPlatformTree([image])
      .split('\n')
      .map((line) => line.trimEnd()),
  ).toEqual([
    'IMAGE            ID             DISK USAGE   CONTENT SIZE   EXTRA',
    'app:1            999999999999   20B          10B            U',
    'app:2',
    '├─ linux/amd64   111111111111   20B          10B            U',
    '└─ linux/arm64   222222222222   -            -',
    '',
  ]);
});
