import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

/** An image in memory: what a registry serves. */
export interface SampleImage {
  /** Manifest (or index) bytes; `documents[0]` is what the tag points at. */
  documents: SampleBlob[];
  /** Configuration and layers. */
  blobs: SampleBlob[];
}

export interface SampleBlob {
  mediaType: string;
  digest: string;
  bytes: Buffer<ArrayBuffer>;
}

const oci = 'application/vnd.oci.image';

/** One layer per record of `path -> content`; `extraBytes` of noise make the first layer large. */
export function sampleImage(
  options: { layers?: Record<string, string | Buffer>[]; architecture?: string; variant?: string } = {},
): SampleImage {
  const { layers = [{ 'etc/greeting': 'hello\n' }, { 'bin/tool': '#!/bin/sh\n' }] } = options;
  const architecture = options.architecture ?? (process.arch === 'arm64' ? 'arm64' : 'amd64');
  const tars = layers.map(tarOf);
  const layerBlobs = tars.map((tar) => blobOf(`${oci}.layer.v1.tar+gzip`, gzipSync(tar, { level: 1 })));
  const config = blobOf(
    `${oci}.config.v1+json`,
    JSON.stringify({
      architecture,
      os: 'linux',
      ...(options.variant ? { variant: options.variant } : {}),
      config: { Cmd: ['/bin/tool'], Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: tars.map(digestOf) },
    }),
  );
  const manifest = blobOf(
    `${oci}.manifest.v1+json`,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${oci}.manifest.v1+json`,
      config: pointer(config),
      layers: layerBlobs.map(pointer),
    }),
  );
  return { documents: [manifest], blobs: [config, ...layerBlobs] };
}

/** An index over images of several platforms (`linux/arm64/v8`); its own document comes first. */
export function sampleIndex(images: Record<string, SampleImage>): SampleImage {
  const entries = Object.entries(images).map(([platform, image]) => {
    const [os, architecture, variant] = platform.split('/');
    const first = image.documents[0];
    if (first === undefined) throw new Error('an image without a manifest');
    return { ...pointer(first), platform: { os, architecture, ...(variant ? { variant } : {}) } };
  });
  const index = blobOf(
    `${oci}.index.v1+json`,
    JSON.stringify({ schemaVersion: 2, mediaType: `${oci}.index.v1+json`, manifests: entries }),
  );
  const all = Object.values(images);
  return {
    documents: [index, ...all.flatMap((image) => image.documents)],
    blobs: all.flatMap((image) => image.blobs),
  };
}

export function blobOf(mediaType: string, data: string | Buffer): SampleBlob {
  const bytes = Buffer.from(data);
  return { mediaType, digest: digestOf(bytes), bytes };
}

export function pointer(blob: SampleBlob): { mediaType: string; digest: string; size: number } {
  return { mediaType: blob.mediaType, digest: blob.digest, size: blob.bytes.byteLength };
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A minimal ustar archive of regular files, with fixed times: the same input gives the same digest. */
export function tarOf(files: Record<string, string | Buffer>): Buffer {
  const parts = Object.entries(files).flatMap(([path, content]) => {
    const data = Buffer.from(content);
    return [tarHeader(path, data.byteLength), data, Buffer.alloc((512 - (data.byteLength % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function tarHeader(path: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  header.write(path, 0, 100);
  header.write(octal(0o755, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(size, 12), 124);
  header.write(octal(0, 12), 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
