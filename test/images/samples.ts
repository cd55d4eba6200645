import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { parseReference, type Reference } from '../../src/foundation/oci/reference.ts';
import type { HostileRegistry } from '../registry/hostile-registry.ts';
import {
  blobOf,
  digestOf,
  pointer,
  type SampleBlob,
  type SampleImage,
  tarOf,
} from '../registry/sample-image.ts';

const oci = 'application/vnd.oci.image';

/** An image of hand-made layers: whatever their bytes are, and whatever the configuration says that they hold. */
export function imageOf(
  layers: { bytes: Buffer; diffId: string; mediaType?: string }[],
  config: Record<string, unknown> = {},
): SampleImage {
  const blobs = layers.map((layer) => blobOf(layer.mediaType ?? `${oci}.layer.v1.tar+gzip`, layer.bytes));
  const configBlob = blobOf(
    `${oci}.config.v1+json`,
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      created: '2024-05-01T00:00:00Z',
      config: { Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
      ...config,
    }),
  );
  const manifest = blobOf(
    `${oci}.manifest.v1+json`,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${oci}.manifest.v1+json`,
      config: pointer(configBlob),
      layers: blobs.map(pointer),
    }),
  );
  return { documents: [manifest], blobs: [configBlob, ...blobs] };
}

/** A sound layer of these files. */
export function layerOf(files: Record<string, string | Buffer>): { bytes: Buffer; diffId: string } {
  const tar = tarOf(files);
  return { bytes: gzipSync(tar, { level: 1 }), diffId: digestOf(tar) };
}

/** A layer that takes more than one packet, one write and one moment. */
export function bigLayer(): { bytes: Buffer; diffId: string } {
  return layerOf({ 'usr/share/noise': randomBytes(6_000_000) });
}

export function layerBlobs(image: SampleImage): SampleBlob[] {
  return image.blobs.slice(1);
}

export function referenceIn(registry: HostileRegistry, name: string): Reference {
  return parseReference(`${registry.host}/${name}`);
}

/** The image as an OCI image layout in a folder's files: path -> bytes. */
export function layoutOf(image: SampleImage, name?: string): Record<string, Buffer> {
  const [first] = image.documents;
  if (!first) throw new Error('an image without a manifest');
  const annotations =
    name === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': name } };
  const index = { schemaVersion: 2, manifests: [{ ...pointer(first), ...annotations }] };
  const blobs = [...image.blobs, ...image.documents];
  return {
    ...Object.fromEntries(blobs.map((blob) => [`blobs/${blob.digest.replace(':', '/')}`, blob.bytes])),
    'oci-layout': Buffer.from('{"imageLayoutVersion":"1.0.0"}'),
    'index.json': Buffer.from(JSON.stringify(index)),
  };
}

/**
 * An index of a Linux image for this host, one for another processor, one for Windows, and an attestation about the first. Unless `isFree`, the lowest layer of
 * the Windows image must not be copied, and the registry does not have it.
 */
export function platformsImage({ isFree = false } = {}): {
  index: SampleImage;
  own: SampleImage;
  other: SampleImage;
  windows: SampleImage;
  attestation: SampleImage;
} {
  const host = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const foreign = host === 'arm64' ? 'amd64' : 'arm64';
  const own = imageOf([layerOf({ base: 'shared\n' }), layerOf({ own: 'own\n' })]);
  const other = imageOf([layerOf({ base: 'shared\n' }), layerOf({ other: 'other\n' })], {
    architecture: foreign,
  });
  const base = {
    ...layerOf({ 'Files/base': 'not distributable\n' }),
    ...(isFree ? {} : { mediaType: foreignType }),
  };
  const windows = imageOf([base, layerOf({ 'Files/app': 'app\n' })], {
    architecture: 'amd64',
    os: 'windows',
    'os.version': '10.0.20348.1',
  });
  const attestation = artifactOf('application/vnd.in-toto+json', '{"predicate":{}}', {
    configType: `${oci}.config.v1+json`,
  });
  const entry = (image: SampleImage, platform: object, annotations?: object): object => ({
    ...pointer(firstOf(image)),
    platform,
    ...(annotations ? { annotations } : {}),
  });
  const document = blobOf(
    `${oci}.index.v1+json`,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${oci}.index.v1+json`,
      manifests: [
        entry(other, { os: 'linux', architecture: foreign }),
        entry(own, { os: 'linux', architecture: host }),
        entry(windows, { os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.1' }),
        entry(
          attestation,
          { os: 'unknown', architecture: 'unknown' },
          {
            'vnd.docker.reference.type': 'attestation-manifest',
            'vnd.docker.reference.digest': firstOf(own).digest,
          },
        ),
      ],
    }),
  );
  const all = [own, other, windows, attestation];
  return {
    index: {
      documents: [document, ...all.flatMap((image) => image.documents)],
      blobs: all.flatMap((image) => image.blobs).filter((blob) => blob.mediaType !== foreignType),
    },
    own,
    other,
    windows,
    attestation,
  };
}

const foreignType = `${oci}.layer.nondistributable.v1.tar+gzip`;

/** An image, a signature of it, a note about the signature, and the indexes that list them for a registry without a list of its own, by their tags. */
export function signedImage(): {
  image: SampleImage;
  signature: SampleImage;
  note: SampleImage;
  lists: Record<string, SampleImage>;
} {
  const image = imageOf([layerOf({ 'etc/signed': 'signed\n' })]);
  const signature = artifactOf('application/vnd.silo.signature', 'signature', { subject: firstOf(image) });
  const note = artifactOf('text/plain', 'note', { subject: firstOf(signature) });
  const listOf = (entry: SampleImage): SampleImage => {
    const index = {
      schemaVersion: 2,
      mediaType: `${oci}.index.v1+json`,
      manifests: [pointer(firstOf(entry))],
    };
    return {
      documents: [blobOf(index.mediaType, JSON.stringify(index)), ...entry.documents],
      blobs: entry.blobs,
    };
  };
  const tagOf = (subject: SampleImage): string => firstOf(subject).digest.replace(':', '-');
  return {
    image,
    signature,
    note,
    lists: { [tagOf(image)]: listOf(signature), [tagOf(signature)]: listOf(note) },
  };
}

/** Something that is no image: a manifest with one blob of a type of its own. */
export function artifactOf(
  type: string,
  content: string,
  { configType = `${oci}.empty.v1+json`, subject }: { configType?: string; subject?: SampleBlob } = {},
): SampleImage {
  const config = blobOf(configType, '{}');
  const part = blobOf(type, content);
  const manifest = blobOf(
    `${oci}.manifest.v1+json`,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${oci}.manifest.v1+json`,
      artifactType: type,
      config: pointer(config),
      layers: [pointer(part)],
      ...(subject ? { subject: pointer(subject) } : {}),
    }),
  );
  return { documents: [manifest], blobs: [config, part] };
}

export function firstOf(image: SampleImage): SampleBlob {
  const [first] = image.documents;
  if (!first) throw new Error('an image without a manifest');
  return first;
}
