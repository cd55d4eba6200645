import { describe, expect, test } from 'bun:test';
import { readCacheExport, readCacheImport } from '../cache-transfer/read-words.ts';
import { readAnnotations, readAttestations, readOutput } from './read-output.ts';

const output = (type: string, attributes: Record<string, string> = {}) => readOutput({ type, attributes });

describe('words of outputs', () => {
  test('registry is an image that is pushed and need not stay', () => {
    expect(output('registry', { name: 'one.example/a:1,b' })).toMatchObject({
      type: 'image',
      isPushed: true,
      isStored: false,
      names: [
        { host: 'one.example', path: 'a', tag: '1' },
        { host: 'docker.io', path: 'library/b', tag: 'latest' },
      ],
    });
    expect(output('image')).toMatchObject({ isPushed: false, isStored: true });
    expect(output('image', { push: 'true' })).toMatchObject({ isPushed: true, isStored: true });
  });

  test('compression, media types and annotations are read, whatever place they are for', () => {
    expect(
      output('oci', {
        compression: 'zstd',
        'compression-level': '19',
        'force-compression': 'true',
        'oci-mediatypes': 'false',
        'annotation.a.b': '1',
        'annotation-index.c': '2',
        'annotation-manifest[linux/arm64].d': '3',
      }),
    ).toMatchObject({
      layers: { compression: 'zstd', level: 19, isForced: true },
      family: 'docker',
      annotations: [
        { on: 'manifest', key: 'a.b', value: '1' },
        { on: 'index', key: 'c', value: '2' },
        { on: 'manifest', platform: { os: 'linux', architecture: 'arm64' }, key: 'd', value: '3' },
      ],
    });
  });

  test.each([
    ['odd', {}, 'unknown output type "odd"'],
    ['image', { pusch: '1' }, 'unknown attribute "pusch"'],
    ['image', { push: 'yes' }, 'push must be true or false'],
    ['oci', { compression: 'lz4' }, 'compression must be one of uncompressed, gzip, zstd'],
    ['oci', { compression: 'gzip', 'compression-level': '12' }, 'a number from 0 to 9'],
    ['oci', { name: 'a/UPPER' }, 'must be lowercase'],
    ['tar', { name: 'x' }, 'unknown attribute "name"'],
  ])('%s with %p is refused', (type, attributes, message) => {
    expect(() => output(type, attributes)).toThrow(message);
  });
});

test('annotations are for manifests unless they name other places', () => {
  expect(readAnnotations(['a=b=c', 'index,manifest-descriptor[linux/amd64]:org.x=1'])).toEqual([
    { on: 'manifest', key: 'a', value: 'b=c' },
    { on: 'index', key: 'org.x', value: '1' },
    {
      on: 'manifest-descriptor',
      platform: { os: 'linux', architecture: 'amd64' },
      key: 'org.x',
      value: '1',
    },
  ]);
  expect(() => readAnnotations(['no-value'])).toThrow('want KEY=VALUE');
  expect(() => readAnnotations(['layer:a=b'])).toThrow('unknown place "layer"');
});

test('the last word on an attestation counts', () => {
  const provenance = (attributes: Record<string, string>) => ({ type: 'provenance', attributes });
  expect(readAttestations([provenance({ mode: 'max' }), { type: 'sbom', attributes: {} }])).toEqual([
    { type: 'provenance', mode: 'max' },
    { type: 'sbom' },
  ]);
  expect(readAttestations([provenance({}), provenance({ disabled: 'true' })])).toEqual([]);
  expect(() => readAttestations([{ type: 'x', attributes: {} }])).toThrow('unknown attestation type');
});

test('caches are named by a reference or are folders of the client', () => {
  expect(readCacheImport({ type: 'registry', attributes: { ref: 'r.example/c' } })).toMatchObject({
    reference: { host: 'r.example', path: 'c', tag: 'latest' },
  });
  expect(
    readCacheExport({ type: 'local', attributes: { mode: 'max', compression: 'uncompressed' } }),
  ).toEqual({
    type: 'local',
    mode: 'max',
    ignoresErrors: false,
    layers: { compression: 'none', isForced: false },
  });
  expect(() => readCacheImport({ type: 'registry', attributes: {} })).toThrow('ref=NAME is missing');
  expect(() => readCacheExport({ type: 's3', attributes: {} })).toThrow('unknown cache type "s3"');
});
