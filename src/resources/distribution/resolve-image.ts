import { createHash } from 'node:crypto';
import { SiloError, corrupt, invalid } from '../../foundation/base/errors.ts';
import type { Descriptor, Platform } from '../../foundation/oci/descriptor.ts';
import { digestAlgorithm, digestHex } from '../../foundation/oci/digest.ts';
import { type Manifest, parseManifestDocument, requireImageManifest } from '../../foundation/oci/manifest.ts';
import { choosePlatform } from '../../foundation/oci/platform.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import type { FetchedManifest, RegistryClient } from './distribution.ts';

export interface ResolvedImage {
  /** From what the name points at (an index, or the manifest itself) down to the manifest; all are to be stored. */
  documents: [FetchedManifest, ...FetchedManifest[]];
  manifest: Manifest;
  /** Of the manifest. */
  descriptor: Descriptor;
}

/** An index may point to indexes; deeper than this nobody does in good faith. */
const maximumIndexes = 3;

/** Finds the manifest of one platform behind a name. `not-found` when the image has none for it. */
export async function resolveImage(options: {
  client: Pick<RegistryClient, 'manifest' | 'manifestBy'>;
  reference: Reference;
  platform: Platform;
  /** Manifests of charts, signatures and the like are resolved too. */
  artifacts?: boolean;
  signal?: AbortSignal | undefined;
}): Promise<ResolvedImage> {
  const { client, reference, platform, signal } = options;
  let current = await client.manifest(reference, signal);
  const documents: [FetchedManifest, ...FetchedManifest[]] = [current];
  for (;;) {
    const document = parseManifestDocument(current.bytes, current.mediaType);
    // What the document is, where the server was vague (`application/json`).
    current.mediaType = document.kind === 'manifest' ? document.manifest.mediaType : document.index.mediaType;
    if (document.kind === 'manifest') {
      if (!options.artifacts) requireImageManifest(document.manifest);
      const { mediaType } = document.manifest;
      const descriptor = { mediaType, digest: current.digest, size: current.bytes.byteLength };
      return { documents, manifest: document.manifest, descriptor };
    }
    if (documents.length > maximumIndexes)
      throw invalid(`the image's indexes are nested deeper than ${maximumIndexes}`, { code: 'nested-index' });
    const entry = choosePlatform(document.index, platform);
    current = await client.manifestBy(reference, entry, signal);
    documents.push(current);
  }
}

/** A small blob (the configuration) in memory, with size and digest checked. */
export async function fetchSmallBlob(options: {
  client: Pick<RegistryClient, 'blob'>;
  reference: Reference;
  descriptor: Descriptor;
  limitBytes: number;
  signal?: AbortSignal | undefined;
}): Promise<Uint8Array> {
  const { client, reference, descriptor, limitBytes, signal } = options;
  if (descriptor.size > limitBytes)
    throw invalid(
      `blob ${descriptor.digest} is ${descriptor.size} bytes long: more than the limit of ${limitBytes}`,
    );
  for (;;) {
    const range = { offset: 0, ...(signal ? { signal } : {}) };
    const { body, distrust } = await client.blob(reference, descriptor, range);
    const bytes = await collect(body).catch((error: unknown) => {
      // Each mirror fails once at most.
      if (error instanceof SiloError && error.code === 'mirror-failed') return undefined;
      throw error;
    });
    if (bytes === undefined) continue;
    const actual = createHash(digestAlgorithm(descriptor.digest)).update(bytes).digest('hex');
    if (actual === digestHex(descriptor.digest)) return bytes;
    if (distrust === undefined)
      throw corrupt(`image config verification failed for digest ${descriptor.digest}: got ${actual}`, {
        code: 'digest-mismatch',
      });
    distrust();
  }
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
