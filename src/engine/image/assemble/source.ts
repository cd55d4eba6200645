import type { Readable } from 'node:stream';
import { corrupt, notFound } from '../../../foundation/base/errors.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestHex, sha256 } from '../../../foundation/oci/digest.ts';
import { manifestLimits } from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import type { FetchedManifest } from '../../../resources/distribution/distribution.ts';
import { fetchSmallBlob } from '../../../resources/distribution/resolve-image.ts';
import type { Context } from '../context.ts';
import { layersFrom } from '../pull/download.ts';
import type { BringLayer } from '../pull/ensure-layers.ts';
import type { ContentOrigin } from './assembly.ts';
import { registryAccess } from '../remote/registry-access.ts';
import { unpackStored } from '../pull/unpack.ts';

/** Documents and layers of one place, whose word counts for nothing: all is compared with its digest. */
export interface Source {
  /** What the place names: a manifest or an index. */
  root(signal: AbortSignal): Promise<FetchedManifest>;
  manifest(descriptor: Descriptor, signal: AbortSignal): Promise<FetchedManifest>;
  /** A whole blob of at most `limitBytes`. */
  small(descriptor: Descriptor, limitBytes: number, signal: AbortSignal): Promise<Uint8Array>;
  /** Brings these layers. */
  layers(descriptors: readonly Descriptor[]): BringLayer;
}

export function createSource(context: Context, origin: ContentOrigin): Source {
  return origin.kind === 'registry' ? registrySource(context, origin) : folderSource(context, origin.open);
}

function registrySource(
  context: Context,
  { reference, isInsecure, credentials }: Extract<ContentOrigin, { kind: 'registry' }>,
): Source {
  const insecureHost = isInsecure ? reference.host : undefined;
  const client = context.registry(registryAccess(context, { credentials, insecureHost }));
  return {
    root: (signal) => client.manifest(reference, signal),
    manifest: (descriptor, signal) => client.manifestBy(reference, descriptor, signal),
    small: (descriptor, limitBytes, signal) =>
      fetchSmallBlob({ client, reference, descriptor, limitBytes, signal }),
    layers: (descriptors) => layersFrom(context, { client, reference, descriptors }),
  };
}

type Open = (path: string) => Promise<Readable | undefined>;

/** An OCI image layout, file by file. */
function folderSource(context: Context, open: Open): Source {
  const small: Source['small'] = async (descriptor, limitBytes) => {
    const bytes = await readFile(open, blobPath(descriptor.digest), Math.min(limitBytes, descriptor.size));
    if (sha256(bytes) === descriptor.digest) return bytes;
    throw corrupt(`blob ${descriptor.digest} of the folder is damaged`, { code: 'digest-mismatch' });
  };
  return {
    async root() {
      const bytes = await readFile(open, 'index.json', manifestLimits.documentBytes);
      return { mediaType: mediaTypes.ociIndex, digest: sha256(bytes), bytes };
    },
    async manifest(descriptor, signal) {
      const bytes = await small(descriptor, manifestLimits.documentBytes, signal);
      return { mediaType: descriptor.mediaType, digest: descriptor.digest, bytes };
    },
    small,
    layers: (descriptors) => async (layer, flight) => {
      const descriptor = descriptors.find(({ digest }) => digest === layer.blob);
      if (!descriptor) throw notFound(`layer ${layer.blob} is missing`, { code: 'layer-missing' });
      flight.note({ phase: 'downloading' });
      await ingestFile(context, open, descriptor, flight.signal);
      const blob = await context.content.find(descriptor.digest);
      if (!blob) throw notFound(`layer ${layer.blob} is missing`, { code: 'layer-missing' });
      flight.note({ phase: 'extracting' });
      return await unpackStored(context, layer, blob.path, flight.signal);
    },
  };
}

const blobPath = (digest: Digest): string => `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;

async function opened(open: Open, path: string): Promise<Readable> {
  const file = await open(path);
  if (!file) throw notFound(`the folder has no ${path}`, { code: 'no-such-file' });
  return file;
}

async function readFile(open: Open, path: string, limitBytes: number): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of (await opened(open, path)) as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > limitBytes) throw corrupt(`${path} of the folder is longer than it should be`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** One at a time by digest, as downloads. */
async function ingestFile(
  context: Context,
  open: Open,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<void> {
  const { digest, size } = descriptor;
  await context.smallWrites.run(digest, async () => {
    if ((await context.content.find(digest))?.sizeBytes === size) return;
    await using ingest = await context.content.ingest(`file ${digest}`, {
      algorithm: digestAlgorithm(digest),
    });
    try {
      if (ingest.offset > 0) await ingest.truncate();
      for await (const piece of (await opened(open, blobPath(digest))) as AsyncIterable<Buffer>) {
        signal.throwIfAborted();
        if (ingest.offset + piece.length > size)
          throw corrupt(`blob ${digest} of the folder is longer than it should be`);
        await ingest.write(piece);
      }
      await ingest.commit({ digest, sizeBytes: size });
    } catch (error) {
      await ingest.abort();
      throw error;
    }
  });
}
